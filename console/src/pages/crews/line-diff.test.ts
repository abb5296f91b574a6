import { expect, test } from "vitest";
import { diffRows } from "./line-diff.ts";

const text = (name: string, lines: number) => Array.from({ length: lines }, (_, n) => `${name} ${n}\n`).join("");

test("two small texts show what they share", () => {
  const kinds = diffRows("a\nb\nc\n", "a\nB\nc\n").map((row) => row.kind);
  expect(kinds).toEqual(["same", "changed", "same"]);
});

test("two large texts without a common line are shown whole, without a search for one", () => {
  const rows = diffRows(text("before", 20_000), text("after", 20_000));
  expect(rows).toHaveLength(20_000);
  expect(rows.every((row) => row.kind === "changed")).toBe(true);
});
