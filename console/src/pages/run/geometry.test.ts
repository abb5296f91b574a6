import { describe, expect, it } from "vitest";
import { barAt, barsOf, LANE, laneRows, lineBox, neighbour, type View, xOf } from "./geometry.ts";
import { Folding } from "./rows.ts";
import { panned, Scale, steppedEnd, ticksOf, tickText, zoomed } from "./scale.ts";
import { longRun, modelOf, recorded } from "./testing/recorded.ts";

const HOUR = 3_600_000;

describe("the scale", () => {
  it("keeps every time apart when nothing waits long", () => {
    const scale = new Scale(0, 10_000, [
      [0, 4000],
      [5000, 10_000],
    ]);
    expect(scale.stretches).toHaveLength(1);
    expect([0, 2500, 10_000].map((time) => scale.place(time))).toEqual([0, 2500, 10_000]);
  });

  it("shortens a long wait, so that the work beside it can be seen", () => {
    const scale = new Scale(0, 2 * HOUR + 20_000, [
      [0, 10_000],
      [2 * HOUR + 10_000, 2 * HOUR + 20_000],
    ]);
    expect(scale.stretches.map((stretch) => stretch.idle)).toEqual([false, true, false]);
    expect(scale.place(10_000) / scale.size).toBeGreaterThan(0.4);
    expect(new Scale(0, 2 * HOUR, null).stretches).toHaveLength(1);
  });

  it("maps every place back to its time, and never goes backwards", () => {
    const scale = new Scale(1000, HOUR, [
      [1000, 5000],
      [1_000_000, 1_004_000],
    ]);
    let before = -1;
    for (let time = 1000; time <= HOUR; time += 7919) {
      const place = scale.place(time);
      expect(place).toBeGreaterThan(before);
      expect(scale.time(place)).toBeCloseTo(time, 3);
      before = place;
    }
  });

  it("zooms around a place that stays where it is, and out to everything", () => {
    const scale = new Scale(0, 10_000, null);
    const window = zoomed(scale, null, 2, 2500)!;
    expect(window).toEqual({ from: 1250, to: 6250 });
    expect(zoomed(scale, window, 0.5)).toBeNull();
    expect(panned(scale, window, -1)).toEqual({ from: 0, to: 5000 });
    expect(panned(scale, window, 9)).toEqual({ from: 5000, to: 10_000 });
    expect(panned(scale, null, 1)).toBeNull();
  });

  it("has round ticks that are far enough apart", () => {
    const scale = new Scale(500, 60_500, null);
    const ticks = ticksOf(scale, { from: 0, to: 60_000 }, 7000);
    expect(ticks.map((tick) => tickText(tick - 500))).toEqual(["0 s", "10 s", "20 s", "30 s", "40 s", "50 s", "1 m"]);
    expect([1500, 90_000, HOUR, 5_400_000].map(tickText)).toEqual(["1.5 s", "1 m 30 s", "1 h", "1 h 30 m"]);
  });

  it("grows in steps while a run goes on", () => {
    const first = steppedEnd(0, 1000, 0);
    expect(first).toBe(10_000);
    expect(steppedEnd(0, 9000, first)).toBe(first);
    expect(steppedEnd(0, 10_001, first)).toBeCloseTo(15_001.5);
  });
});

describe("the bars", () => {
  const view = (from: number, to: number, width = 1000): View => {
    const scale = new Scale(from, to, null);
    return { scale, window: { from: 0, to: scale.size }, width, now: to };
  };

  it("stand where and as long as the calls were", () => {
    const model = modelOf(recorded.market!);
    const at = view(model.startedAt!, model.endedAt!);
    const lane = model.lanes[0]!;
    for (const bar of barsOf(at, lane, 0, undefined)) {
      expect(bar.x).toBeCloseTo(xOf(at, bar.span!.start));
      expect(bar.y).toBeGreaterThanOrEqual(0);
      expect(bar.y + bar.height).toBeLessThanOrEqual(LANE);
      expect(barAt([bar], bar.x + bar.width / 2, bar.y + 1)).toBe(bar);
    }
  });

  it("are never more than pixels, and never without the selected one", () => {
    const model = modelOf(longRun(1, 3000));
    const lane = model.lanes[0]!;
    const at = view(model.startedAt!, model.endedAt!, 300);
    const kept = lane.spans[1234]!;
    const bars = barsOf(at, lane, 0, kept);
    expect(bars.length).toBeLessThan(700);
    expect(bars.some((bar) => bar.span === kept)).toBe(true);
  });

  it("of a window are those that it shows", () => {
    const model = modelOf(longRun(1, 3000));
    const lane = model.lanes[0]!;
    const at = view(model.startedAt!, model.endedAt!);
    at.window = { from: at.scale.size / 2, to: at.scale.size / 2 + 1000 };
    const shown = barsOf(at, lane, 0, undefined).map((bar) => bar.span!.seq);
    const expected = lane.spans.filter((span) => xOf(at, span.end!) >= 0 && xOf(at, span.start) <= 1000);
    expect(expected.length).toBeGreaterThan(10);
    expect(shown).toEqual(expected.map((span) => span.seq));
  });

  it("of a task that asks its model have one that grows until now", () => {
    const model = modelOf(longRun(1, 1).slice(0, 2));
    const [bar] = barsOf(view(model.startedAt!, model.startedAt! + 5000), model.lanes[0]!, 0, undefined);
    expect([bar!.span, bar!.open]).toEqual([null, true]);
    expect(bar!.x + bar!.width).toBeCloseTo(1000);
  });

  it("share the height of a lane, which is always the same", () => {
    for (const lines of [1, 2, 3, 4, 9]) {
      for (let line = 0; line < lines; line++) {
        const box = lineBox(lines, line);
        expect(box.y).toBeGreaterThanOrEqual(0);
        expect(box.y + box.height).toBeLessThanOrEqual(LANE);
      }
    }
  });

  it("are reached by the arrow keys, along a lane and from lane to lane", () => {
    const model = modelOf(recorded.market!);
    const rows = laneRows(model, new Folding());
    const first = neighbour(rows, undefined, "ArrowRight")!;
    const second = neighbour(rows, first, "ArrowRight")!;
    expect([first.lane, second.lane, neighbour(rows, second, "ArrowLeft")]).toEqual([
      rows[0]!.lane,
      rows[0]!.lane,
      first,
    ]);
    expect(neighbour(rows, first, "ArrowDown")!.lane.itemOf).toBe(model.lanes[1]!.id);
    expect(neighbour(rows, first, "ArrowUp")).toBeUndefined();
  });
});
