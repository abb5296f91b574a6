import type { TextDelta, TraceEvent } from "@kasal/client";
import { describe, expect, it } from "vitest";
import { RunModel } from "./model.ts";
import type { Lane, Span } from "./spans.ts";
import { longRun, modelOf, recorded } from "./testing/recorded.ts";

const cases = Object.entries(recorded);

/** What a model shows, without the order in which it came to it. */
function shown(model: RunModel) {
  const span = ({ lane, ...rest }: Span) => ({ ...rest, lane: lane.id });
  const lane = ({ spans, items, lines, ...rest }: Lane): object => ({
    ...rest,
    spans: spans.map(span),
    items: items.map(lane),
  });
  const { status, lastSeq, inputTokens, outputTokens, cost, requests, startedAt, endedAt, copied, progress } = model;
  const totals = { status, lastSeq, inputTokens, outputTokens, cost, requests, startedAt, endedAt, copied, progress };
  return {
    ...totals,
    lanes: model.lanes.map(lane),
    notes: model.notes,
    phases: model.phases.list,
    busy: model.busy.list,
  };
}

function lanesOf(model: RunModel): Lane[] {
  return model.lanes.flatMap((lane) => [lane, ...lane.items]);
}

function random(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state % below;
  };
}

describe.each(cases)("the recording %s", (_, events) => {
  it("is the same however often the connection breaks and tells old events again", () => {
    const whole = shown(modelOf(events));
    for (let seed = 1; seed <= 20; seed++) {
      const pick = random(seed);
      const model = new RunModel();
      while (model.lastSeq < events.length) {
        const from = Math.max(0, model.lastSeq - pick(8));
        for (const event of events.slice(from, from + 1 + pick(20))) model.add(event);
      }
      expect(shown(model)).toEqual(whole);
    }
  });

  it("ends with everything ended, and nothing before its beginning", () => {
    const model = modelOf(events);
    for (const lane of lanesOf(model)) {
      expect(["running", "waiting"]).not.toContain(lane.status);
      expect(lane.open).toBe(0);
      for (const span of lane.spans) {
        expect(span.end).not.toBeNull();
        expect(span.end!).toBeGreaterThanOrEqual(span.start);
        expect(model.spanAt(span.seq)).toBe(span);
      }
    }
    expect(model.phases.list.every((phase) => phase.end !== null)).toBe(true);
    expect(model.open).toEqual([]);
  });

  it("never draws two spans of a lane over one another", () => {
    for (const lane of lanesOf(modelOf(events))) {
      for (const [at, one] of lane.spans.entries()) {
        for (const other of lane.spans.slice(at + 1)) {
          const apart = one.end! <= other.start || other.end! <= one.start;
          expect(apart || one.line !== other.line).toBe(true);
        }
      }
    }
  });

  it("counts what the events say, but for what other runs have paid", () => {
    const model = modelOf(events);
    const paid = events.flatMap((event) =>
      event.type === "llm_call" && !event.recorded && event.usage ? [event.usage] : [],
    );
    expect(model.inputTokens).toBe(paid.reduce((sum, usage) => sum + (usage.input_tokens ?? 0), 0));
    expect(model.cost ?? 0).toBeCloseTo(
      paid.reduce((sum, usage) => sum + (usage.cost_usd ?? 0), 0),
      9,
    );
    const lanes = lanesOf(model).reduce((sum, lane) => sum + lane.inputTokens, 0);
    expect(lanes).toBe(model.inputTokens);
  });

  it("has a span for each call and for each question", () => {
    const kinds = new Set(["llm_call", "tool_call", "input_required", "answer_rejected"]);
    const model = modelOf(events);
    const seqs = lanesOf(model).flatMap((lane) => lane.spans.map((span) => span.seq));
    const expected = events.filter((event) => kinds.has(event.type)).map((event) => event.seq);
    expect(expected.filter((seq) => !seqs.includes(seq))).toEqual([]);
  });
});

describe("a run", () => {
  const of = (name: string) => modelOf(recorded[name]!);

  it("shows the crew's tasks before they begin, and the entries of a list under their task", () => {
    const model = modelOf(recorded.market!.slice(0, 3));
    expect(model.lanes.map((lane) => lane.status)).toEqual(["running", "running", "pending", "pending", "pending"]);
    expect(model.lanes[1]!.items.map((lane) => lane.status)).toEqual(["pending", "pending", "pending"]);
  });

  it("draws calls of one reply beside one another, with their own results", () => {
    const tools = of("market").lanes[0]!.spans.filter((span) => span.kind === "tool");
    expect(tools.slice(0, 3).map((span) => [span.name, span.line])).toEqual([
      ["calculator", 0],
      ["calculator", 1],
      ["lookup", 2],
    ]);
    expect(tools[2]!.end! - tools[2]!.start).toBeGreaterThan(800);
  });

  it("knows how its task was left out and its questions were answered", () => {
    const model = of("market");
    expect(model.lanes.map((lane) => lane.status)).toEqual(["done", "done", "done", "skipped", "done"]);
    const questions = [...model.questions.values()].map((span) => [span.name, span.status]);
    expect(questions).toEqual([
      ["review", "done"],
      ["review", "done"],
      ["approval", "done"],
    ]);
    const waits = model.phases.list.filter((phase) => phase.kind === "waiting");
    expect(waits).toHaveLength(3);
  });

  it("shows the gap in which its worker was lost", () => {
    const model = of("lost");
    expect(model.phases.list.map((phase) => [phase.kind, phase.attempt])).toEqual([
      ["running", 1],
      ["lost", 1],
      ["running", 2],
    ]);
    expect(model.notes[0]!.text).toBe("worker_lost");
    expect(model.lanes[0]!.spans.at(-1)!.status).toBe("stopped");
  });

  it("marks what a fork has copied, and does the rest anew", () => {
    const model = of("forked");
    expect(model.copied).toBe(33);
    expect(model.lanes.every((lane) => lane.status === "done" || lane.status === "skipped")).toBe(true);
    expect(model.lanes[2]!.seq).toBe(36);
  });

  it("says where it failed, and why", () => {
    const model = of("failed");
    expect([model.status, model.lanes.map((lane) => lane.status)]).toEqual(["failed", ["done", "failed"]]);
    expect(model.error?.code).toBeTruthy();
    expect(model.lanes[1]!.spans.map((span) => span.kind)).toEqual(["model", "check", "model", "check"]);
  });

  it("pays nothing when it is a replay", () => {
    const model = of("replayed");
    expect([model.requests, model.cost, model.inputTokens]).toEqual([0, null, 0]);
  });

  it("takes no event over a hole", () => {
    const model = modelOf(recorded.market!.slice(0, 4));
    expect(model.add(recorded.market![5]!)).toBe(false);
    expect(model.lastSeq).toBe(4);
  });

  it("waits in a queue from when it was asked for, told before or after the first event", () => {
    const at = Date.parse(recorded.market![0]!.timestamp) - 1500;
    const before = new RunModel();
    before.setCreated(at);
    for (const event of recorded.market!) before.add(event);
    const after = of("market");
    after.setCreated(at);
    expect(after.phases.list).toEqual(before.phases.list);
    expect(after.phases.list[0]).toMatchObject({ kind: "queued", start: at, end: at + 1500 });
  });

  it("gives a result without a number to the oldest call of its name", () => {
    const events = longRun(1, 2).map(({ call: _, ...event }: TraceEvent & { call?: number }) => event as TraceEvent);
    const model = modelOf(events);
    expect(model.lanes[0]!.spans.filter((span) => span.kind === "tool").map((span) => span.endSeq)).toEqual([5, 8]);
  });

  it("costs the same for each event, however many came before", () => {
    const events = longRun(20, 166);
    expect(events.length).toBeGreaterThan(10_000);
    const begun = performance.now();
    const model = modelOf(events);
    const took = performance.now() - begun;
    expect(model.spanCount).toBe(20 * 166 * 2);
    expect(model.busy.list.length).toBe(1);
    expect(took).toBeLessThan(2000); // some 30 ms: only a fold that reads all of it again for each event takes seconds
  });
});

describe("text that is being written", () => {
  const delta = (fields: Partial<TextDelta>): TextDelta => ({
    ...{
      type: "text_delta",
      job_id: "job_1",
      task_id: "task_0",
      agent: "Agent",
      attempt: 1,
      turn: 1,
      offset: 0,
      text: "",
    },
    ...fields,
  });
  const running = () => modelOf(longRun(1, 1).slice(0, 2));
  const text = (model: RunModel) => model.texts.of("task_0").map((one) => one.text);

  it("is put together by offset, and a piece that comes again changes nothing", () => {
    const model = running();
    model.addText(delta({ text: "The " }));
    model.addText(delta({ offset: 4, text: "tea" }));
    model.addText(delta({ offset: 4, text: "tea" }));
    expect(text(model)).toEqual(["The tea"]);
  });

  it("waits for nothing: a piece after a hole is left out", () => {
    const model = running();
    model.addText(delta({ text: "The " }));
    expect(model.addText(delta({ offset: 9, text: "later" }))).toBe(false);
    expect(text(model)).toEqual(["The "]);
  });

  it("begins anew with another turn, and an older one does not come back", () => {
    const model = running();
    model.addText(delta({ text: "One" }));
    model.addText(delta({ turn: 2, text: "Two" }));
    expect(model.addText(delta({ offset: 3, text: " more" }))).toBe(false);
    expect(text(model)).toEqual(["Two"]);
  });

  it("is replaced by the event that has all of it", () => {
    const model = running();
    model.addText(delta({ text: "calls" }));
    model.add(longRun(1, 1)[2]!);
    expect(text(model)).toEqual([]);
  });

  it("keeps the end of a very long one", () => {
    const model = running();
    for (let offset = 0; offset < 50_000; offset += 1000) model.addText(delta({ offset, text: "x".repeat(1000) }));
    expect(text(model)[0]!.length).toBe(20_000);
  });
});
