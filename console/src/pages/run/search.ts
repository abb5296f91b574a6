import type { TraceEvent } from "@kasal/client";

export interface Filter {
  type: string;
  task: string;
  text: string;
}

/** The events that a filter lets through, found as they come: each event is looked at once. */
export class Found {
  #events: TraceEvent[] = [];
  #seen = 0;
  readonly #wanted: (event: TraceEvent) => boolean;
  readonly #all: boolean;

  constructor({ type, task, text }: Filter) {
    const words = text.trim().toLowerCase();
    this.#all = !type && !task && !words;
    this.#wanted = (event) =>
      (!type || event.type === type) && (!task || isOf(event, task)) && (!words || contains(event, words));
  }

  /** Returns what is found among the first `count` events: another array if there is more than before. */
  upTo(events: readonly TraceEvent[], count: number): readonly TraceEvent[] {
    if (this.#all) return events.slice(0, count);
    const more: TraceEvent[] = [];
    for (; this.#seen < count; this.#seen++) {
      const event = events[this.#seen]!;
      if (this.#wanted(event)) more.push(event);
    }
    if (more.length) this.#events = this.#events.concat(more);
    return this.#events;
  }
}

function isOf(event: TraceEvent, task: string): boolean {
  const named = "task_id" in event ? event.task_id : undefined;
  return named === task || (named?.startsWith(`${task}-`) ?? false);
}

function contains(event: TraceEvent, words: string): boolean {
  return `${event.seq}\n${event.type}\n${"agent" in event ? event.agent : ""}\n${"action" in event ? event.action : ""}\n${textOf(event, Number.POSITIVE_INFINITY)}`
    .toLowerCase()
    .includes(words);
}

/** What an event tells, as one line. */
export function textOf(event: TraceEvent, longest = 300): string {
  const said = saidBy(event);
  const text = typeof said === "string" ? said : (JSON.stringify(said) ?? "");
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function saidBy(event: TraceEvent): unknown {
  switch (event.type) {
    case "execution_start":
      return event.crew;
    case "execution_resumed":
    case "execution_stopped":
    case "answer_rejected":
      return event.reason;
    case "execution_forked":
      return event.forked_from.job_id;
    case "execution_waiting":
      return event.questions.join(", ");
    case "task_start":
      return event.description;
    case "llm_call":
    case "tool_call":
    case "tool_result":
      return `${event.action}: ${event.result}`;
    case "progress":
      return `${event.progress} %`;
    case "input_required":
      return event.prompt;
    case "input_received":
      return event.input ?? event.comment ?? event.outcome ?? "";
    case "task_skipped":
    case "warning":
    case "error":
      return event.message;
    case "task_complete":
    case "execution_complete":
      return event.result;
  }
  return "";
}
