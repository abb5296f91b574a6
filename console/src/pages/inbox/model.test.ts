import { describe, expect, it } from "vitest";
import { type Entry, merged } from "./model.ts";

const entry = (question_id: string, prompt = "") => ({ question_id, prompt }) as Entry;
const ids = (shown: ReturnType<typeof merged>) =>
  shown.map((each) => `${each.entry.question_id}${each.open ? "" : " closed"}`);

describe("an inbox that is read again", () => {
  it("keeps what somebody else has answered at its place, closed", () => {
    const first = merged([], [entry("a"), entry("b")], new Set());
    expect(ids(merged(first, [entry("b"), entry("c")], new Set()))).toEqual(["a closed", "b", "c"]);
  });

  it("leaves out what was dismissed, also while the platform still lists it", () => {
    const first = merged([], [entry("a"), entry("b")], new Set());
    expect(ids(merged(first, [entry("a"), entry("b")], new Set(["a"])))).toEqual(["b"]);
  });

  it("keeps the newest closed ones alone if there are many", () => {
    const first = merged(
      [],
      Array.from({ length: 30 }, (_, n) => entry(`q${n}`)),
      new Set(),
    );
    const shown = merged(first, [entry("new")], new Set());
    expect(ids(shown)).toHaveLength(21);
    expect(ids(shown)[0]).toBe("q10 closed");
  });
});
