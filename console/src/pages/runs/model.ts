import type { Schemas } from "@kasal/client";

export type Run = Schemas["ExecutionSummary"];
export type RunStatus = Schemas["ExecutionStatus"];

export const STATUSES: readonly RunStatus[] = [
  "running",
  "waiting_for_input",
  "queued",
  "completed",
  "failed",
  "stopped",
];

/** Choices of how far back the list goes, in milliseconds. */
export const SPANS: Record<string, number> = {
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 2_592_000_000,
};

export interface Filters {
  status?: RunStatus | undefined;
  crew?: string | undefined;
  since?: string | undefined;
}

/** Reads the filters from an address; what it does not know is no filter. */
export function filtersOf(search: string): Filters {
  const params = new URLSearchParams(search);
  const status = STATUSES.find((each) => each === params.get("status"));
  const crew = params.get("crew");
  const since = params.get("since");
  return {
    status,
    crew: crew && /^crew_[\w-]{1,60}$/.test(crew) ? crew : undefined,
    since: since && since in SPANS ? since : undefined,
  };
}

/** The address of the list with these filters. */
export function addressOf(filters: Filters): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) if (value) params.set(name, value);
  return params.size ? `/runs?${params}` : "/runs";
}

/** A run that may still change. */
export function isOpen(run: Run): boolean {
  return run.status === "queued" || run.status === "running" || run.status === "waiting_for_input";
}

/** A run that changes without anybody doing something. */
export function isMoving(run: Run): boolean {
  return run.status === "queued" || run.status === "running";
}

/**
 * The list to show: pages that were read once, under what was read since. A newer reading of a run takes the place of
 * an older one; new runs come first; with a filter by status, runs that have left it go.
 */
export function merged(pages: readonly Run[], fresh: readonly Run[], { status, since }: Filters, now: number): Run[] {
  const newest = new Map<string, Run>();
  for (const run of fresh) newest.set(run.job_id, run);
  const known = new Set(pages.map((run) => run.job_id));
  const first = pages[0];
  const added = fresh.filter((run) => !known.has(run.job_id) && (!first || run.created_at >= first.created_at));
  const from = since ? now - SPANS[since]! : 0;
  return [...added, ...pages.map((run) => newest.get(run.job_id) ?? run)].filter(
    (run) => (!status || run.status === status) && Date.parse(run.created_at) >= from,
  );
}

/** Whether the list goes on beyond a page: not if the page has reached what is too old. */
export function goesOn(page: readonly Run[], { since }: Filters, now: number): boolean {
  const last = page.at(-1);
  return !since || !last || Date.parse(last.created_at) >= now - SPANS[since]!;
}
