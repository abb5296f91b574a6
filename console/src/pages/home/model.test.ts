import { describe, expect, it } from "vitest";
import type { Run } from "../runs/model.ts";
import { failuresOf, liveRuns, spendingOf } from "./model.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z");
const run = (job_id: string, status: Run["status"], created_at = "2026-11-28T11:00:00Z") =>
  ({ job_id, status, created_at }) as Run;

describe("live runs", () => {
  it("are each once, in their newest reading, newest first", () => {
    const recent = [run("c", "queued", "2026-11-28T11:30:00Z"), run("b", "completed")];
    const running = [run("b", "running"), run("a", "running", "2026-11-01T00:00:00Z")];
    expect(liveRuns(recent, running).map(({ job_id }) => job_id)).toEqual(["c", "a"]);
  });
});

describe("failures of a day", () => {
  it("are counted as far as they were read", () => {
    expect(failuresOf([run("b", "failed"), run("a", "failed", "2026-11-01T00:00:00Z")], NOW)).toBe("1");
    expect(
      failuresOf(
        Array.from({ length: 50 }, (_, n) => run(String(n), "failed")),
        NOW,
      ),
    ).toBe("50+");
  });
});

describe("the month's budget", () => {
  const budget = { max_cost_usd: 50, max_tokens: null, spent: { cost_usd: 12.5, tokens: 0 } };

  it.each([
    [budget, 0.25, "accent"],
    [{ ...budget, max_tokens: 100, spent: { cost_usd: 1, tokens: 90 } }, 0.9, "warn"],
    [{ ...budget, spent: { cost_usd: 60, tokens: 0 } }, 1.2, "bad"],
    [{ ...budget, max_cost_usd: null }, undefined, "accent"],
    [undefined, undefined, "accent"],
  ])("%j is used to %s", (status, part, tone) => expect(spendingOf(status)).toEqual({ part, tone }));
});
