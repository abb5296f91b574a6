import { isOpen, type Run, SPANS } from "../runs/model.ts";

/** The runs that have not ended: the newest first, each once. */
export function liveRuns(recent: readonly Run[], running: readonly Run[]): Run[] {
  const all = new Map([...running, ...recent].map((run) => [run.job_id, run]));
  return [...all.values()].filter(isOpen).sort((a, b) => b.created_at.localeCompare(a.created_at));
}

/** How many of the newest failures are of the last 24 hours; `50+` if that is all that was read. */
export function failuresOf(failed: readonly Run[], now: number): string {
  const recent = failed.filter((run) => Date.parse(run.created_at) > now - SPANS.day!).length;
  return recent === failed.length && recent >= 50 ? `${recent}+` : String(recent);
}

export interface Spending {
  /** The part of the budget that is used; undefined without one. */
  part: number | undefined;
  tone: "accent" | "warn" | "bad";
}

interface Limits {
  max_cost_usd: number | null;
  max_tokens: number | null;
  spent: { cost_usd: number; tokens: number } | null;
}

/** How much of the month's budget is used: of money or of tokens, whichever is nearer to its end. */
export function spendingOf(budget: Limits | undefined): Spending {
  const parts = [
    partOf(budget?.spent?.cost_usd, budget?.max_cost_usd),
    partOf(budget?.spent?.tokens, budget?.max_tokens),
  ].filter((part) => part !== undefined);
  if (!parts.length) return { part: undefined, tone: "accent" };
  const part = Math.max(...parts);
  return { part, tone: part >= 1 ? "bad" : part >= 0.8 ? "warn" : "accent" };
}

function partOf(spent: number | undefined, limit: number | null | undefined): number | undefined {
  if (spent === undefined || limit === null || limit === undefined) return undefined;
  return limit > 0 ? spent / limit : 1;
}
