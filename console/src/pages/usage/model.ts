import type { Schemas } from "@kasal/client";

export type Row = Schemas["UsageEntry"];

/** The months that can be picked, the newest first: `2026-11`. */
export function monthsUntil(now: Date, count = 13): string[] {
  return Array.from({ length: count }, (_, back) => {
    const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1));
    return month.toISOString().slice(0, 7);
  });
}

/** All days of a month up to today. */
export function daysOf(month: string, now: Date): string[] {
  const [year = 0, number = 1] = month.split("-").map(Number);
  const count = new Date(Date.UTC(year, number, 0)).getUTCDate();
  const today = now.toISOString().slice(0, 10);
  return Array.from({ length: count }, (_, at) => `${month}-${String(at + 1).padStart(2, "0")}`).filter(
    (day) => day <= today,
  );
}

/** What was used on each day, also on those without a run. */
export function perDay(rows: readonly Row[], days: readonly string[]): { tokens: number[]; cost: number[] } {
  const known = new Map<string, { tokens: number; cost: number }>();
  for (const row of rows) {
    const sum = known.get(row.day ?? "") ?? { tokens: 0, cost: 0 };
    known.set(row.day ?? "", { tokens: sum.tokens + row.tokens, cost: sum.cost + (row.cost_usd ?? 0) });
  }
  return {
    tokens: days.map((day) => known.get(day)?.tokens ?? 0),
    cost: days.map((day) => known.get(day)?.cost ?? 0),
  };
}

const COLUMNS = [
  ...(["month", "day", "crew_id", "model", "executions", "requests"] as const),
  ...(["input_tokens", "output_tokens", "tokens", "cost_usd"] as const),
];

/** Rows as CSV (RFC 4180). A text that a spreadsheet would take for a formula begins with a quote. */
export function csvOf(rows: readonly Row[]): string {
  const used = COLUMNS.filter((column) => rows.some((row) => row[column] !== undefined && row[column] !== null));
  const lines = rows.map((row) => used.map((column) => cell(row[column])).join(","));
  return [used.join(","), ...lines].map((line) => `${line}\r\n`).join("");
}

function cell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** How much of a budget is used, from 0 to 1. */
export function shareOf(used: number, most: number | null | undefined): number {
  return most ? Math.min(1, used / most) : 0;
}
