import { KasalError } from "@kasal/client";
import { describe, expect, it } from "vitest";
import { afterExpiry, argumentsOf, canonicalText, isCut, type Question, verdictOf } from "./model.ts";

const question: Question = {
  question_id: "question_1",
  task_id: "task_1",
  agent: "Cashier",
  kind: "approval",
  prompt: "Cashier wants to call …",
  asked_at: "2026-11-28T05:00:00Z",
  tool_call: { tool: "calculator", arguments: { expression: "1 + 1" }, call: 1, digest: "d" },
};

describe("a question that the inbox has cut", () => {
  it("is one without its arguments, or with the longest prompt", () => {
    expect(isCut(question)).toBe(false);
    expect(isCut({ ...question, tool_call: { ...question.tool_call!, arguments: null } })).toBe(true);
    expect(isCut({ ...question, prompt: "x".repeat(2000) })).toBe(true);
  });
});

describe("edited arguments", () => {
  it("must be a JSON object", () => {
    expect(argumentsOf('{"a": 1}')).toEqual({ value: { a: 1 } });
    expect(argumentsOf("[1]")).toHaveProperty("error");
    expect(argumentsOf("null")).toHaveProperty("error");
    expect(argumentsOf("{")).toHaveProperty("error");
  });

  it("differ only where their values do", () => {
    expect(canonicalText({ b: { d: 1, c: [2, 1] }, a: 0 })).toBe(canonicalText({ a: 0, b: { c: [2, 1], d: 1 } }));
  });
});

describe("what follows when nobody answers", () => {
  it.each([
    [undefined, "If nobody answers in time, the run fails."],
    ["reject", "If nobody answers in time, it is rejected."],
    ["answer:Blue", "If nobody answers in time, the answer is “Blue”."],
  ])("%s: %s", (onExpiry, text) => expect(afterExpiry(onExpiry)).toBe(text));
});

describe("a refused answer", () => {
  it("shows what somebody else has answered", () => {
    const answer = { outcome: "approved", by: "usr_1", comment: "Fine", input: null, arguments: null };
    const error = new KasalError(409, { code: "CONFLICT", details: { answer } });
    expect(verdictOf(error)).toEqual({ outcome: "approved", by: "usr_1", comment: "Fine", input: null });
  });

  it("says that the question is gone if nobody's answer is known", () => {
    expect(verdictOf(new KasalError(404, {}))).toBe("gone");
    expect(verdictOf(new KasalError(409, {}))).toBe("gone");
  });

  it("is a problem like others if its content does not do", () => {
    expect(verdictOf(new KasalError(400, {}))).toBeUndefined();
    expect(verdictOf(new TypeError("no"))).toBeUndefined();
  });
});
