import type { RunModel } from "./model.ts";
import { type Folding, isAsking } from "./rows.ts";
import type { Scale, Window } from "./scale.ts";
import type { Lane, Span } from "./spans.ts";

/** Pixels of a lane: always the same, so that nothing moves when calls come beside one another. */
export const LANE = 40;
const PADDING = 4;
/** Lines of a lane that are drawn apart; more lie over one another. */
const LINES = 4;
const TALLEST = 22;

export interface LaneRow {
  lane: Lane;
  depth: number;
  open: boolean;
}

/** The lanes of the timeline, from above. */
export function laneRows(model: RunModel, folding: Folding): LaneRow[] {
  const rows: LaneRow[] = [];
  const add = (lane: Lane, depth: number, whole?: Lane) => {
    const open = folding.isOpen(lane, whole);
    rows.push({ lane, depth, open });
    if (open) for (const item of lane.items) add(item, depth + 1, lane);
  };
  for (const lane of model.lanes) add(lane, 0);
  return rows;
}

/** A rectangle in pixels. `span` is null for what a model is doing before there is an event of it. */
export interface Bar {
  span: Span | null;
  lane: Lane;
  x: number;
  width: number;
  y: number;
  height: number;
  open: boolean;
}

export interface View {
  scale: Scale;
  window: Window;
  width: number;
  now: number;
}

export function xOf(view: View, time: number): number {
  const { from, to } = view.window;
  return ((view.scale.place(time) - from) / (to - from)) * view.width;
}

export function timeAt(view: View, x: number): number {
  const { from, to } = view.window;
  return view.scale.time(from + (x / view.width) * (to - from));
}

/** Where a line of a lane is, below the lane's upper edge. */
export function lineBox(lines: number, line: number): { y: number; height: number } {
  const shown = Math.min(Math.max(lines, 1), LINES);
  const space = (LANE - 2 * PADDING) / shown;
  const height = Math.min(TALLEST, space - 1);
  return { y: PADDING + (line % shown) * space + (space - height) / 2, height };
}

/**
 * Returns the bars of a lane that are in sight. Where many fall on the same pixels, one stands for all of them, so that
 * there are never more than the screen can show; failed ones and selected ones are always there.
 */
export function barsOf(view: View, lane: Lane, top: number, kept: Span | undefined): Bar[] {
  const bars: Bar[] = [];
  const lines = lane.lines.length;
  const taken: number[] = [];
  for (let at = firstInSight(view, lane.spans); at < lane.spans.length; at++) {
    const span = lane.spans[at]!;
    const x = xOf(view, span.start);
    const right = xOf(view, span.end ?? view.now);
    if (right < 0 || x > view.width) continue;
    const line = span.line % LINES;
    const important = span === kept || span.status === "failed" || span.end === null;
    if (!important && right < (taken[line] ?? Number.NEGATIVE_INFINITY) + 1) continue;
    taken[line] = Math.max(right, x + 2);
    const box = lineBox(lines, span.line);
    bars.push({
      span,
      lane,
      x,
      width: Math.max(2, right - x),
      y: top + box.y,
      height: box.height,
      open: span.end === null,
    });
  }
  if (isAsking(lane)) bars.push(askingBar(view, lane, top));
  return bars;
}

function askingBar(view: View, lane: Lane, top: number): Bar {
  const line = Math.max(
    0,
    lane.lines.findIndex((until) => until <= lane.idleSince),
  );
  const box = lineBox(lane.lines.length, line);
  const x = xOf(view, lane.idleSince);
  const width = Math.max(2, xOf(view, view.now) - x);
  return { span: null, lane, x, width, y: top + box.y, height: box.height, open: true };
}

/** Skips what ended long before the window. Spans are in the order of their events, hardly ever far from their begin. */
function firstInSight(view: View, spans: readonly Span[]): number {
  if (spans.length < 200) return 0;
  const from = timeAt(view, 0);
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]!.end ?? Number.POSITIVE_INFINITY) < from) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 100);
}

/** The bar at a point, the uppermost first; one beside it by a few pixels counts, as bars may be thin. */
export function barAt(bars: readonly Bar[], x: number, y: number): Bar | undefined {
  let best: Bar | undefined;
  let least = 5;
  for (const bar of bars) {
    if (y < bar.y - 2 || y > bar.y + bar.height + 2) continue;
    const away = Math.max(bar.x - x, x - bar.x - bar.width, 0);
    if (away < least) {
      best = bar;
      least = away === 0 ? 0.5 : away;
    }
  }
  return best;
}

/** The span to go to by an arrow key: along the lane, or to the nearest in time of the next lane that has any. */
export function neighbour(rows: readonly LaneRow[], from: Span | undefined, key: string): Span | undefined {
  if (!from) return rows.find((row) => row.lane.spans.length)?.lane.spans[0];
  const { spans } = from.lane;
  const place = spans.indexOf(from);
  if (key === "ArrowRight") return spans[place + 1];
  if (key === "ArrowLeft") return spans[place - 1];
  const step = key === "ArrowDown" ? 1 : -1;
  for (let at = rows.findIndex((row) => row.lane === from.lane) + step; rows[at]; at += step) {
    const found = nearest(rows[at]!.lane.spans, from.start);
    if (found) return found;
  }
  return undefined;
}

function nearest(spans: readonly Span[], time: number): Span | undefined {
  let best: Span | undefined;
  for (const span of spans) if (!best || Math.abs(span.start - time) < Math.abs(best.start - time)) best = span;
  return best;
}
