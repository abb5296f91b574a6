import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { me, platform, Refusal } from "../testing/platform.ts";
import { show } from "../testing/render.tsx";
import type { Question } from "./model.ts";
import { QuestionCard } from "./question-card.tsx";

const approval: Question = {
  question_id: "question_1",
  task_id: "task_1",
  agent: "Cashier",
  kind: "approval",
  prompt: "Cashier wants to call the tool calculator with: …",
  asked_at: new Date().toISOString(),
  tool_call: { tool: "calculator", arguments: { expression: "12 * 2" }, call: 1, digest: "d" },
};
const INPUT = "POST /executions/job_1/input";
const taken = { job_id: "job_1", status: "running" };

describe("a question", () => {
  it("is approved by one press, with its own id", async () => {
    const sent = platform({ "GET /auth/me": () => me, [INPUT]: () => taken });
    show(<QuestionCard jobId="job_1" question={approval} />);
    fireEvent.click(await screen.findByRole("button", { name: "Approve" }));
    await screen.findByText("Approved");
    expect(sent.find(({ method }) => method === "POST")?.body).toEqual({
      outcome: "approved",
      question_id: "question_1",
    });
    expect(screen.queryByRole("button", { name: "Approve" })).toBeNull();
  });

  it("is rejected with a comment that the agent reads", async () => {
    const sent = platform({ "GET /auth/me": () => me, [INPUT]: () => taken });
    show(<QuestionCard jobId="job_1" question={approval} />);
    fireEvent.click(await screen.findByRole("button", { name: "Reject" }));
    fireEvent.change(screen.getByLabelText("Comment"), { target: { value: "Use last year's figure" } });
    fireEvent.click(screen.getByRole("button", { name: "Reject the call" }));
    await screen.findByText("Rejected");
    expect(sent.at(-1)).toBeDefined();
    expect(sent.find(({ method }) => method === "POST")?.body).toMatchObject({
      outcome: "rejected",
      comment: "Use last year's figure",
    });
  });

  it("shows what changed before edited arguments are approved", async () => {
    const sent = platform({
      "GET /auth/me": () => me,
      "GET /tools": () => ({ tools: [], total: 0, page: 1, page_size: 100, next: null }),
      [INPUT]: () => taken,
    });
    show(<QuestionCard jobId="job_1" question={approval} />);
    fireEvent.click(await screen.findByRole("button", { name: "Edit arguments" }));
    fireEvent.click(screen.getByRole("tab", { name: "JSON" }));
    const text = await screen.findByLabelText("Arguments");
    fireEvent.change(text, { target: { value: "{" } });
    expect(screen.getByRole("button", { name: "Approve" }).hasAttribute("disabled")).toBe(true);
    fireEvent.change(text, { target: { value: '{"expression": "12 * 3"}' } });
    const changes = screen.getByRole("region", { name: "What you have changed" });
    expect(within(changes).getByText(/^\+ "expression": "12 \* 3"/)).toBeDefined();
    fireEvent.click(screen.getByRole("button", { name: "Approve with these arguments" }));
    await screen.findByText("Approved");
    expect(sent.find(({ method }) => method === "POST")?.body).toMatchObject({ arguments: { expression: "12 * 3" } });
  });

  it("tells who was first if somebody else has answered", async () => {
    const answer = { outcome: "rejected", by: "usr_2", comment: "Not today" };
    platform({
      "GET /auth/me": () => me,
      [INPUT]: () => new Refusal(409, { code: "CONFLICT", message: "No", details: { answer } }),
    });
    show(<QuestionCard jobId="job_1" question={approval} />);
    fireEvent.click(await screen.findByRole("button", { name: "Approve" }));
    expect((await screen.findByRole("alert")).textContent).toContain("Rejected by usr_2 “Not today”");
    expect(screen.queryByRole("button", { name: "Approve" })).toBeNull();
  });

  it("is not answered before all of it is shown", async () => {
    const whole = { ...approval, tool_call: { ...approval.tool_call!, arguments: { expression: "1 + 1" } } };
    let answer: (job: object) => void = () => undefined;
    platform({
      "GET /auth/me": () => me,
      "GET /executions/job_1": () => new Promise((resolve) => (answer = resolve)),
    });
    show(
      <QuestionCard jobId="job_1" question={{ ...approval, tool_call: { ...approval.tool_call!, arguments: null } }} />,
    );
    await screen.findByText("Loading the whole question …");
    expect(screen.queryByRole("button", { name: "Approve" })).toBeNull();
    answer({ questions: [whole] });
    await screen.findByRole("button", { name: "Approve" });
    expect(screen.getByText("1 + 1")).toBeDefined();
  });

  it("says why the whole of it cannot be shown, and asks again", async () => {
    const cut = { ...approval, tool_call: { ...approval.tool_call!, arguments: null } };
    let job: object = new Refusal(500, { code: "INTERNAL", message: "Broken" });
    platform({ "GET /auth/me": () => me, "GET /executions/job_1": () => job });
    show(<QuestionCard jobId="job_1" question={cut} />);
    await screen.findByText(/The whole question could not be read/);
    expect(screen.queryByText("Loading the whole question …")).toBeNull();
    job = { questions: [] };
    fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    await screen.findByText(/This question is not open any more/);
    expect(screen.queryByRole("button", { name: "Approve" })).toBeNull();
  });

  it("is still shown in full after its answer", async () => {
    const cut = { ...approval, tool_call: { ...approval.tool_call!, arguments: null } };
    const questions = [approval];
    platform({
      "GET /auth/me": () => me,
      "GET /executions/job_1": () => ({ questions }),
      [INPUT]: () => questions.splice(0) && taken,
    });
    show(<QuestionCard jobId="job_1" question={cut} />);
    fireEvent.click(await screen.findByRole("button", { name: "Approve" }));
    await screen.findByText("Approved");
    expect(screen.getByText("12 * 2")).toBeDefined();
    expect(screen.queryByText("Loading the whole question …")).toBeNull();
  });

  it("cannot be answered by a role that is too low, nor after its time", async () => {
    platform({ "GET /auth/me": () => ({ ...me, role: "viewer" }) });
    const { unmount } = show(<QuestionCard jobId="job_1" question={approval} />);
    await screen.findByText("Only an editor or above may answer.");
    unmount();
    show(<QuestionCard jobId="job_1" question={{ ...approval, expires_at: "2020-01-01T00:00:00Z" }} />);
    await waitFor(() => expect(screen.getByText("The time to answer is over.")).toBeDefined());
  });
});
