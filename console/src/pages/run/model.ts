import type { TextDelta, TraceEvent } from "@kasal/client";
import { Intervals } from "./intervals.ts";
import { LiveTexts } from "./live-text.ts";
import { Phases } from "./phases.ts";
import { type EventOf, type Lane, newLane, plusCost, type Span, type SpanStatus, takeLine } from "./spans.ts";

export type RunState = "queued" | "running" | "waiting_for_input" | "completed" | "failed" | "stopped";

/** What concerns the run as a whole: a warning, another attempt, a fork, its end. */
export interface Note {
  seq: number;
  at: number;
  type: TraceEvent["type"];
  text: string;
  code: string;
  attempt: number;
}

/** The longest text of an event that lines show; the details have all of it. */
const PREVIEW = 300;

/**
 * A run as its pages show it: a fold over its events. Each event costs the same however many came before, and the
 * order and the size of the pieces they come in make no difference. It is changed in place; `version` tells that it was.
 */
export class RunModel {
  version = 0;
  /** Counts what adds or ends something, and not the text that is being written. */
  structure = 0;
  lastSeq = 0;
  readonly events: TraceEvent[] = [];
  /** When each event happened. */
  readonly times: number[] = [];
  /** Tasks in the crew's order; the work on entries of a list is in their `items`. */
  readonly lanes: Lane[] = [];
  readonly notes: Note[] = [];
  readonly phases = new Phases();
  readonly busy = new Intervals(1000);
  readonly texts = new LiveTexts();
  readonly questions = new Map<string, Span>();
  readonly artifacts: { fileId: string; name: string; seq: number }[] = [];
  status: RunState = "queued";
  crew = "";
  crewId = "";
  crewVersion: number | null = null;
  createdAt: number | null = null;
  startedAt: number | null = null;
  endedAt: number | null = null;
  attempt = 0;
  progress = 0;
  /** Events up to this one were copied from another job. */
  copied = 0;
  requests = 0;
  inputTokens = 0;
  outputTokens = 0;
  cost: number | null = null;
  spanCount = 0;
  error: EventOf<"error"> | null = null;
  result: unknown;
  readonly #lanes = new Map<string, Lane>();
  readonly #spans: (Span | undefined)[] = [];
  readonly #laneOf: (Lane | undefined)[] = [];
  /** Open tool calls, by their task and number; those of older events, which have none, by task, agent and name. */
  readonly #calls = new Map<string, Span[]>();

  get ended(): boolean {
    return this.endedAt !== null;
  }

  /** The questions that nobody has answered, oldest first. */
  get open(): Span[] {
    return [...this.questions.values()].filter((span) => span.end === null);
  }

  lane(taskId: string): Lane | undefined {
    return this.#lanes.get(taskId);
  }

  /** The span that an event began or ended. */
  spanAt(seq: number): Span | undefined {
    return this.#spans[seq];
  }

  /** The lane of the task that an event is about. */
  laneAt(seq: number): Lane | undefined {
    return this.#laneOf[seq];
  }

  event(seq: number): TraceEvent | undefined {
    return this.events[seq - 1];
  }

  /** When the run was asked for, which no event tells. */
  setCreated(at: number): void {
    if (this.createdAt !== null) return;
    this.createdAt = at;
    const first = this.phases.list[0];
    if (!first) this.phases.begin("queued", at, 0, 0);
    else if (first.start > at && first.kind !== "queued" && !this.copied) {
      this.phases.list.unshift({ kind: "queued", start: at, end: first.start, attempt: 0, seq: 0, reason: "" });
    }
    this.#changed();
  }

  /** Adds the next event. One that is known already, or that follows a hole, changes nothing. */
  add(event: TraceEvent): boolean {
    if (event.seq !== this.lastSeq + 1) return false;
    const at = Date.parse(event.timestamp);
    const before = this.times.at(-1) ?? at;
    this.lastSeq = event.seq;
    this.events.push(event);
    this.times.push(at);
    if (event.attempt > this.attempt) this.attempt = event.attempt;
    this.#fold(event, at, before);
    this.#changed();
    return true;
  }

  addText(delta: TextDelta): boolean {
    if (this.ended || delta.attempt < this.attempt) return false;
    const lane = this.#lanes.get(delta.task_id);
    if (!lane || lane.status === "done" || !this.texts.add(delta)) return false;
    this.version++;
    return true;
  }

  #changed(): void {
    this.version++;
    this.structure++;
  }

  #fold(event: TraceEvent, at: number, before: number): void {
    switch (event.type) {
      case "execution_start":
        this.#begin(event, at);
        return;
      case "execution_resumed":
        this.#resume(event, at, before);
        return;
      case "execution_waiting":
        this.#wait(event.seq, at);
        return;
      case "execution_forked":
        this.#fork(event, at);
        return;
      case "task_start":
        this.#startTask(event, at);
        return;
      case "llm_call":
        this.#addReply(event, at);
        return;
      case "tool_call":
        this.#callTool(event, at);
        return;
      case "tool_result":
        this.#endTool(event, at);
        return;
      case "progress":
        this.progress = Math.max(this.progress, event.progress);
        return;
      case "input_required":
        this.#ask(event, at);
        return;
      case "input_received":
        this.#answer(event, at);
        return;
      case "answer_rejected":
        this.#refuse(event, at);
        return;
      case "task_complete":
        this.#completeTask(event, at);
        return;
      case "task_skipped":
        this.#skipTask(event, at);
        return;
      case "warning":
        this.#note(event, at, event.message, event.code);
        return;
      case "execution_complete":
        this.result = event.result;
        this.progress = 100;
        this.#end(event, at, "completed");
        return;
      case "error":
        this.error = event;
        this.#end(event, at, "failed");
        return;
      case "execution_stopped":
        this.#end(event, at, "stopped");
        return;
    }
  }

  #begin(event: EventOf<"execution_start">, at: number): void {
    this.crew = event.crew;
    this.crewId = event.crew_id;
    this.crewVersion = event.version ?? null;
    this.startedAt ??= at;
    this.status = "running";
    for (const id of event.tasks) this.#laneFor(id);
    this.phases.begin("running", at, event.attempt, event.seq);
  }

  #resume(event: EventOf<"execution_resumed">, at: number, before: number): void {
    this.startedAt ??= at;
    this.status = "running";
    this.texts.clear();
    const lost = event.reason === "worker_lost" || event.reason === "handed_over";
    if (lost) this.phases.lose(before, at, event.attempt, event.seq, event.reason);
    else this.phases.begin("running", at, event.attempt, event.seq, event.reason);
    for (const lane of this.#lanes.values()) {
      if (lane.status === "running" || lane.status === "waiting") lane.idleSince = at;
    }
    // An answer's own line tells that the run goes on.
    if (lost) this.#note(event, at, event.reason, "");
  }

  #wait(seq: number, at: number): void {
    this.status = "waiting_for_input";
    if (this.phases.last?.kind !== "waiting") this.phases.begin("waiting", at, this.attempt, seq);
  }

  #fork(event: EventOf<"execution_forked">, at: number): void {
    this.copied = event.seq - 1;
    this.status = "queued";
    this.startedAt = null;
    this.texts.clear();
    this.phases.begin("queued", at, event.attempt, event.seq, "forked");
    for (const id of event.anew) this.#lanes.get(id) && this.#renew(this.#lanes.get(id)!, at);
    this.#note(event, at, event.forked_from.job_id, "");
  }

  /** Makes a lane wait for its beginning again, and ends what the other job had left open in it. */
  #renew(lane: Lane, at: number): void {
    this.#closeSpans(lane, lane.end ?? this.times.at(-2) ?? at, "stopped");
    Object.assign(lane, {
      status: "pending",
      start: null,
      end: null,
      endSeq: null,
      seq: 0,
      result: undefined,
      open: 0,
    });
  }

  #startTask(event: EventOf<"task_start">, at: number): void {
    const lane = this.#laneFor(event.task_id, event.item_of);
    lane.agent = event.agent;
    lane.title = event.description;
    lane.status = "running";
    lane.attempt = event.attempt;
    lane.seq = event.seq;
    lane.start = at;
    lane.end = null;
    lane.idleSince = at;
    this.#laneOf[event.seq] = lane;
    for (let place = 0; place < (event.items ?? 0); place++) this.#laneFor(`${event.task_id}-${place}`, event.task_id);
  }

  #addReply(event: EventOf<"llm_call">, at: number): void {
    const lane = this.#laneFor(event.task_id);
    this.texts.drop(event.task_id, event.agent);
    const took = event.duration === undefined ? at - lane.idleSince : event.duration * 1000;
    const start = Math.max(lane.start ?? at, at - Math.max(0, took));
    const span = this.#span("model", event, lane, Math.min(start, at), at, statusOfReply(event.finish_reason));
    span.name = event.action;
    span.text = preview(event.result);
    span.recorded = event.recorded === true;
    lane.idleSince = at;
    lane.calls++;
    const usage = event.usage;
    if (!usage) return;
    span.inputTokens = usage.input_tokens ?? 0;
    span.outputTokens = usage.output_tokens ?? 0;
    span.cost = usage.cost_usd ?? null;
    if (!span.recorded) this.#count(lane, span, usage.requests ?? 1);
  }

  #count(lane: Lane, span: Span, requests: number): void {
    this.requests += requests;
    for (const sum of [this, lane]) {
      sum.inputTokens += span.inputTokens;
      sum.outputTokens += span.outputTokens;
      sum.cost = plusCost(sum.cost, span.cost);
    }
  }

  #callTool(event: EventOf<"tool_call">, at: number): void {
    const lane = this.#laneFor(event.task_id);
    const span = this.#span("tool", event, lane, at, null, "running");
    span.name = event.action;
    span.text = preview(event.result);
    lane.calls++;
    lane.open++;
    const key = callKey(event);
    const same = this.#calls.get(key);
    if (same && event.call === undefined) same.push(span);
    else this.#calls.set(key, [span]);
  }

  #endTool(event: EventOf<"tool_result">, at: number): void {
    const lane = this.#laneFor(event.task_id);
    const key = callKey(event);
    const waiting = this.#calls.get(key);
    let span = waiting?.shift();
    if (waiting?.length === 0) this.#calls.delete(key);
    if (span) lane.open--;
    else {
      // The call was not made: it was rejected, or its arguments did not fit.
      span = this.#span("tool", event, lane, at, at, "done");
      span.name = event.action;
      lane.calls++;
    }
    const took = event.duration === undefined ? Number.POSITIVE_INFINITY : event.duration * 1000;
    span.start = Math.min(at, Math.max(span.start, at - took));
    span.recorded = event.recorded === true;
    this.#close(span, event.seq, at, event.failed ? "failed" : "done");
    lane.idleSince = at;
    for (const made of event.artifacts ?? []) {
      this.artifacts.push({ fileId: made.file_id, name: made.name, seq: event.seq });
    }
  }

  #ask(event: EventOf<"input_required">, at: number): void {
    const lane = event.task_id ? this.#laneFor(event.task_id) : (this.lanes[0] ?? this.#laneFor("run"));
    const span = this.#span("question", event, lane, at, null, "waiting");
    span.name = event.kind ?? "question";
    span.text = preview(
      event.tool_call ? `${event.tool_call.tool} ${JSON.stringify(event.tool_call.arguments)}` : event.prompt,
    );
    lane.open++;
    lane.status = "waiting";
    this.questions.set(event.question_id, span);
    if (event.goes_on !== true) this.#wait(event.seq, at);
  }

  #answer(event: EventOf<"input_received">, at: number): void {
    const named = event.question_id ? this.questions.get(event.question_id) : this.open.at(-1);
    const waited = this.status === "waiting_for_input";
    if (named && named.end === null) {
      named.lane.open--;
      this.#close(named, event.seq, at, statusOfAnswer(event));
      named.lane.idleSince = at;
      if (named.lane.status === "waiting") named.lane.status = "running";
    }
    this.status = "running";
    if (waited) this.phases.begin("queued", at, this.attempt, event.seq, "input_received");
  }

  #refuse(event: EventOf<"answer_rejected">, at: number): void {
    const lane = this.#laneFor(event.task_id);
    const span = this.#span("check", event, lane, at, at, "rejected");
    span.name = event.kind;
    span.text = preview(event.reason);
    lane.idleSince = at;
  }

  #completeTask(event: EventOf<"task_complete">, at: number): void {
    const lane = this.#laneFor(event.task_id, event.item_of);
    lane.agent ||= event.agent;
    lane.start ??= at;
    lane.seq ||= event.seq;
    lane.given = event.given === true;
    lane.result = event.result;
    this.#closeLane(lane, event.seq, at, "done");
  }

  #skipTask(event: EventOf<"task_skipped">, at: number): void {
    const lane = this.#laneFor(event.task_id);
    lane.seq ||= event.seq;
    lane.start ??= at;
    lane.reason = event.message;
    this.#closeLane(lane, event.seq, at, "skipped");
  }

  #end(event: EventOf<"execution_complete" | "error" | "execution_stopped">, at: number, status: RunState): void {
    this.status = status;
    this.endedAt = at;
    this.texts.clear();
    const left = status === "completed" ? "done" : status === "failed" ? "failed" : "stopped";
    for (const lane of this.#lanes.values()) {
      if (lane.status !== "running" && lane.status !== "waiting") continue;
      this.#closeLane(lane, event.seq, at, left === "failed" && !this.#isAtFault(lane) ? "stopped" : left);
    }
    this.phases.end(at);
    const text = event.type === "error" ? event.message : event.type === "execution_stopped" ? event.reason : "";
    this.#note(event, at, text, event.type === "error" ? event.code : "");
  }

  /** Whether the run failed in this lane, as far as that is known. */
  #isAtFault(lane: Lane): boolean {
    const named = this.error?.task_id;
    return !named || named === lane.id || this.#lanes.get(named)?.itemOf === lane.id;
  }

  #closeLane(lane: Lane, seq: number, at: number, status: "done" | "failed" | "stopped" | "skipped"): void {
    this.#closeSpans(lane, at, status === "done" ? "done" : "stopped");
    lane.status = status;
    lane.end = at;
    lane.endSeq = seq;
    this.#laneOf[seq] ??= lane;
  }

  #closeSpans(lane: Lane, at: number, status: SpanStatus): void {
    if (!lane.open) return;
    for (let place = lane.spans.length - 1; place >= 0 && lane.open > 0; place--) {
      const span = lane.spans[place]!;
      if (span.end !== null) continue;
      lane.open--;
      this.#close(span, null, at, status);
    }
  }

  #close(span: Span, seq: number | null, at: number, status: SpanStatus): void {
    const wasOpen = span.end === null;
    span.end = Math.max(span.start, at);
    span.endSeq = seq;
    span.status = status;
    if (seq !== null) {
      this.#spans[seq] = span;
      this.#laneOf[seq] = span.lane;
    }
    if (wasOpen) span.lane.lines[span.line] = span.end;
    if (span.kind !== "question") this.busy.add(span.start, span.end);
  }

  #span(
    kind: Span["kind"],
    event: { seq: number; agent?: string; attempt: number },
    lane: Lane,
    start: number,
    end: number | null,
    status: SpanStatus,
  ): Span {
    const line = takeLine(lane, start, end);
    const span: Span = {
      ...{ kind, seq: event.seq, endSeq: end === null ? null : event.seq, start, end, status, lane, line },
      ...{ name: "", agent: event.agent ?? "", attempt: event.attempt, text: "" },
      ...{ inputTokens: 0, outputTokens: 0, cost: null, recorded: false },
    };
    lane.spans.push(span);
    this.#spans[event.seq] = span;
    this.#laneOf[event.seq] = lane;
    this.spanCount++;
    if (end !== null) this.busy.add(start, end);
    return span;
  }

  #laneFor(id: string, itemOf?: string | null): Lane {
    const known = this.#lanes.get(id);
    if (known) return known;
    const whole = itemOf ? this.#lanes.get(itemOf) : undefined;
    const lane = newLane(id, whole ? whole.id : null);
    this.#lanes.set(id, lane);
    (whole ? whole.items : this.lanes).push(lane);
    return lane;
  }

  #note(event: TraceEvent, at: number, text: string, code: string): void {
    this.notes.push({ seq: event.seq, at, type: event.type, text, code, attempt: event.attempt });
  }
}

function callKey(event: { task_id: string; agent: string; action: string; call?: number }): string {
  return event.call === undefined
    ? `${event.task_id}\n${event.agent}\n${event.action}`
    : `${event.task_id}\n${event.call}`;
}

function preview(text: unknown): string {
  const said = typeof text === "string" ? text : (JSON.stringify(text) ?? "");
  return said.length > PREVIEW ? `${said.slice(0, PREVIEW)}…` : said;
}

function statusOfReply(finish: string | undefined): SpanStatus {
  if (finish === "cut_off") return "cut_off";
  return finish === "error" || finish === "refusal" || finish === "content_filter" ? "failed" : "done";
}

function statusOfAnswer(event: EventOf<"input_received">): SpanStatus {
  if (event.outcome === "expired") return "expired";
  return event.outcome === "rejected" ? "rejected" : "done";
}
