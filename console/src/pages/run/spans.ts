import type { EventsByType, TraceEvent } from "@kasal/client";

export type EventOf<T extends TraceEvent["type"]> = EventsByType[T];

/** What a span is about. `check` is a guardrail or schema that refused an answer. */
export type SpanKind = "model" | "tool" | "question" | "check";

export type SpanStatus = "running" | "waiting" | "done" | "failed" | "rejected" | "expired" | "cut_off" | "stopped";

/** A piece of work in a lane. Times are milliseconds since 1970; `end` is null while it goes on. */
export interface Span {
  kind: SpanKind;
  /** The event that it is named after in links, and the one that ended it. */
  seq: number;
  endSeq: number | null;
  start: number;
  end: number | null;
  status: SpanStatus;
  lane: Lane;
  /** The line of the lane that it is drawn in: spans beside one another have different ones. */
  line: number;
  /** The model, the tool, the kind of question or of guardrail. */
  name: string;
  agent: string;
  attempt: number;
  text: string;
  inputTokens: number;
  outputTokens: number;
  cost: number | null;
  /** It was taken from another job: nothing was sent or paid. */
  recorded: boolean;
}

export type LaneStatus = "pending" | "running" | "waiting" | "done" | "failed" | "stopped" | "skipped";

/** A task, or the work on one entry of its list. */
export interface Lane {
  id: string;
  itemOf: string | null;
  /** How many entries the list of a task with `for_each` has. */
  items: Lane[];
  agent: string;
  title: string;
  status: LaneStatus;
  seq: number;
  endSeq: number | null;
  start: number | null;
  end: number | null;
  attempt: number;
  spans: Span[];
  /** When each line of the lane is free again. */
  lines: number[];
  /** Tools and questions that are open. */
  open: number;
  /** Since when nothing but its model can be at work. */
  idleSince: number;
  calls: number;
  inputTokens: number;
  outputTokens: number;
  cost: number | null;
  result: unknown;
  reason: string;
  /** A person gave its output, with a fork. */
  given: boolean;
}

export function newLane(id: string, itemOf: string | null = null): Lane {
  return {
    id,
    itemOf,
    items: [],
    agent: "",
    title: "",
    status: "pending",
    seq: 0,
    endSeq: null,
    start: null,
    end: null,
    attempt: 0,
    spans: [],
    lines: [],
    open: 0,
    idleSince: 0,
    calls: 0,
    inputTokens: 0,
    outputTokens: 0,
    cost: null,
    result: undefined,
    reason: "",
    given: false,
  };
}

/** Returns the first line that is free at `start`, and keeps it until `end`. */
export function takeLine(lane: Lane, start: number, end: number | null): number {
  const until = end ?? Number.POSITIVE_INFINITY;
  const free = lane.lines.findIndex((busyUntil) => busyUntil <= start);
  const line = free < 0 ? lane.lines.length : free;
  lane.lines[line] = until;
  return line;
}

/** Returns the sum of two costs, of which each may be unknown. */
export function plusCost(one: number | null, other: number | null | undefined): number | null {
  if (other === null || other === undefined) return one;
  return (one ?? 0) + other;
}
