import { diffLines } from "diff";

/** A row of two texts beside each other. A side without a line has none there. */
export interface DiffRow {
  kind: "same" | "changed" | "gap";
  before?: { line: number; text: string };
  after?: { line: number; text: string };
  /** How many equal lines a gap stands for. */
  skipped?: number;
}

/** Beyond so many changed lines, the texts are shown whole: looking for what they share would hold the page. */
const MOST_EDITS = 1_000;

/** Equal lines that are shown around a change. */
const AROUND = 3;

/** Compares two texts line by line; long equal stretches become gaps. */
export function diffRows(before: string, after: string): DiffRow[] {
  const rows: DiffRow[] = [];
  let left = 1;
  let right = 1;
  const parts = diffLines(before, after, { maxEditLength: MOST_EDITS }) ?? [
    { value: before, removed: true, added: false, count: 0 },
    { value: after, removed: false, added: true, count: 0 },
  ];
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at];
    if (!part) continue;
    const lines = linesOf(part.value);
    if (!part.added && !part.removed) {
      for (const text of lines) {
        rows.push({ kind: "same", before: { line: left++, text }, after: { line: right++, text } });
      }
      continue;
    }
    const next = parts[at + 1];
    const removed = part.removed ? lines : [];
    const added = part.added ? lines : next?.added ? linesOf(next.value) : [];
    if (part.removed && next?.added) at++;
    for (let row = 0; row < Math.max(removed.length, added.length); row++) {
      const [gone, come] = [removed[row], added[row]];
      rows.push({
        kind: "changed",
        ...(gone === undefined ? {} : { before: { line: left++, text: gone } }),
        ...(come === undefined ? {} : { after: { line: right++, text: come } }),
      });
    }
  }
  return withGaps(rows);
}

function withGaps(rows: DiffRow[]): DiffRow[] {
  const isNear = (at: number) =>
    rows.slice(Math.max(0, at - AROUND), at + AROUND + 1).some((row) => row.kind === "changed");
  const shown: DiffRow[] = [];
  for (const [at, row] of rows.entries()) {
    const last = shown.at(-1);
    if (isNear(at)) shown.push(row);
    else if (last?.kind === "gap") last.skipped = (last.skipped ?? 0) + 1;
    else shown.push({ kind: "gap", skipped: 1 });
  }
  return shown;
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
