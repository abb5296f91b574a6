import { runTexts } from "../../texts/run.ts";
import { formats } from "../../ui/index.ts";
import { type Bar, barsOf, LANE, type LaneRow, type View, xOf } from "./geometry.ts";
import type { RunModel } from "./model.ts";
import type { Phase } from "./phases.ts";
import { ticksOf, tickText } from "./scale.ts";
import type { Span } from "./spans.ts";

const NAMES = [
  ...["text", "muted", "line", "line-strong", "surface", "sunken", "accent", "accent-soft", "ok", "ok-soft"],
  ...["warn", "warn-soft", "bad", "bad-soft", "tool", "tool-soft", "on-bar", "idle", "focus", "hover"],
] as const;
export type Colors = Record<(typeof NAMES)[number], string>;

/** Reads the theme's colours as the canvas takes them, which knows neither variables nor `light-dark()`. */
export function colorsOf(element: HTMLElement): Colors {
  const probe = document.createElement("span");
  element.append(probe);
  // Where motion is reduced, every element has a transition, and a colour would be read at its beginning.
  probe.style.setProperty("transition", "none", "important");
  const style = getComputedStyle(probe);
  const colors = Object.fromEntries(
    NAMES.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, style.color];
    }),
  ) as Colors;
  probe.remove();
  return colors;
}

const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

export interface Scene {
  view: View;
  model: RunModel;
  rows: readonly LaneRow[];
  colors: Colors;
  selected: Span | undefined;
  hovered: Bar | undefined;
}

/** Draws the axis: its ticks, what was shortened, and what the whole run was doing. */
export function paintAxis(context: CanvasRenderingContext2D, scene: Scene, height: number): void {
  const { view, colors, model } = scene;
  context.clearRect(0, 0, view.width, height);
  context.font = FONT;
  context.textBaseline = "middle";
  const begin = view.scale.stretches[0]!.from;
  for (const tick of visibleTicks(view)) {
    const x = Math.round(xOf(view, tick)) + 0.5;
    line(context, x, 0, x, 20, colors.line);
    context.fillStyle = colors.muted;
    context.fillText(tickText(tick - begin), x + 4, 10);
  }
  paintIdleTexts(context, view, colors);
  for (const phase of model.phases.list) paintPhase(context, scene, phase, 22, height - 24);
}

function visibleTicks(view: View): number[] {
  const { from, to } = view.window;
  return ticksOf(view.scale, view.window, ((to - from) / view.width) * 90);
}

function paintIdleTexts(context: CanvasRenderingContext2D, view: View, colors: Colors): void {
  for (const stretch of view.scale.stretches) {
    if (!stretch.idle) continue;
    const x = xOf(view, stretch.from);
    const width = xOf(view, stretch.to) - x;
    const text = formats.duration(Math.min(stretch.to, view.now) - stretch.from);
    context.fillStyle = colors.surface;
    context.fillRect(x, 0, width, 20);
    hatch(context, x, 0, width, 20, colors.idle);
    if (width < context.measureText(text).width + 8) continue;
    context.fillStyle = colors.surface;
    const wide = context.measureText(text).width + 8;
    context.fillRect(x + (width - wide) / 2, 2, wide, 16);
    context.fillStyle = colors.muted;
    context.fillText(text, x + (width - wide) / 2 + 4, 10);
  }
}

function paintPhase(context: CanvasRenderingContext2D, scene: Scene, phase: Phase, y: number, height: number): void {
  const { view, colors } = scene;
  const x = Math.max(-2, xOf(view, phase.start));
  const right = Math.min(view.width + 2, xOf(view, phase.end ?? view.now));
  if (right < 0 || x > view.width || right <= x) return;
  const width = Math.max(2, right - x);
  const fill = {
    queued: colors.sunken,
    running: colors["accent-soft"],
    waiting: colors["warn-soft"],
    lost: colors["bad-soft"],
  };
  const ink = { queued: colors.muted, running: colors.accent, waiting: colors.warn, lost: colors.bad };
  rounded(context, x, y, width - 1, height, 3, fill[phase.kind]);
  if (phase.kind === "queued" || phase.kind === "lost") hatch(context, x, y, width - 1, height, ink[phase.kind], 0.35);
  const attempt =
    phase.kind === "running" && scene.model.attempt > 1 ? ` · ${runTexts.facts.attempt(phase.attempt)}` : "";
  const text = `${runTexts.phases[phase.kind]}${attempt}`;
  fitText(context, text, x + 6, y + height / 2 + 0.5, width - 10, ink[phase.kind]);
}

/** Draws the lanes between `top` and `top + height`. Returns the bars, for whoever points at one. */
export function paintLanes(context: CanvasRenderingContext2D, scene: Scene, top: number, height: number): Bar[] {
  const { view, rows, colors } = scene;
  context.clearRect(0, 0, view.width, height);
  context.font = FONT;
  context.textBaseline = "middle";
  paintGrid(context, scene, height);
  const first = Math.max(0, Math.floor(top / LANE));
  const last = Math.min(rows.length, Math.ceil((top + height) / LANE));
  const all: Bar[] = [];
  for (let at = first; at < last; at++) {
    const row = rows[at]!;
    const y = at * LANE - top;
    line(context, 0, y + 0.5, view.width, y + 0.5, colors.line);
    paintTask(context, scene, row, y);
    const bars = barsOf(view, row.lane, y, scene.selected);
    for (const bar of bars) paintBar(context, scene, bar);
    all.push(...bars);
  }
  line(context, 0, rows.length * LANE - top + 0.5, view.width, rows.length * LANE - top + 0.5, colors.line);
  return all;
}

function paintGrid(context: CanvasRenderingContext2D, scene: Scene, height: number): void {
  const { view, colors, model } = scene;
  for (const tick of visibleTicks(view)) {
    const x = Math.round(xOf(view, tick)) + 0.5;
    line(context, x, 0, x, height, colors.line);
  }
  for (const stretch of view.scale.stretches) {
    if (!stretch.idle) continue;
    const x = xOf(view, stretch.from);
    hatch(context, x, 0, xOf(view, stretch.to) - x, height, colors.idle, 0.6);
  }
  for (const phase of model.phases.list) {
    if (phase.kind !== "lost" && !(phase.kind === "running" && phase.reason === "handed_over")) continue;
    const x = xOf(view, phase.start);
    const width = phase.kind === "lost" ? xOf(view, phase.end ?? view.now) - x : 2;
    context.globalAlpha = 0.5;
    context.fillStyle = phase.kind === "lost" ? colors["bad-soft"] : colors["line-strong"];
    context.fillRect(x, 0, Math.max(2, width), height);
    context.globalAlpha = 1;
  }
  if (model.copied) {
    const x = Math.round(xOf(view, model.times[model.copied]!)) + 0.5;
    context.setLineDash([4, 3]);
    line(context, x, 0, x, height, colors.accent);
    context.setLineDash([]);
  }
}

/** The task itself, behind its calls. */
function paintTask(context: CanvasRenderingContext2D, scene: Scene, { lane }: LaneRow, y: number): void {
  const { view, colors } = scene;
  if (lane.start === null || lane.status === "skipped") return;
  const x = xOf(view, lane.start);
  const right = xOf(view, lane.end ?? view.now);
  if (right < 0 || x > view.width) return;
  const fill = lane.status === "failed" ? colors["bad-soft"] : colors.hover;
  rounded(context, x, y + 2, Math.max(3, right - x), LANE - 4, 4, fill);
  if (lane.items.length) {
    const done = lane.items.filter((item) => item.status === "done").length;
    rounded(context, x, y + LANE / 2 - 3, Math.max(3, (right - x) * (done / lane.items.length)), 6, 3, colors.ok);
  }
}

function fillOf(colors: Colors, bar: Bar): { fill: string; ink: string } {
  const { span } = bar;
  if (!span) return { fill: colors["accent-soft"], ink: colors.text };
  if (span.status === "failed" || span.status === "rejected" || span.status === "cut_off") {
    return { fill: colors.bad, ink: colors["on-bar"] };
  }
  if (span.kind === "question")
    return {
      fill: span.end === null ? colors.warn : colors["warn-soft"],
      ink: span.end === null ? colors["on-bar"] : colors.warn,
    };
  if (span.kind === "check") return { fill: colors.bad, ink: colors["on-bar"] };
  if (span.kind === "tool") return { fill: colors.tool, ink: colors["on-bar"] };
  return { fill: colors.accent, ink: colors["on-bar"] };
}

function paintBar(context: CanvasRenderingContext2D, scene: Scene, bar: Bar): void {
  const { colors, view, model } = scene;
  const { fill, ink } = fillOf(colors, bar);
  const { span } = bar;
  const x = Math.max(bar.x, -8);
  const width = Math.min(bar.x + bar.width, view.width + 8) - x;
  if (span?.kind === "check") diamond(context, bar.x, bar.y + bar.height / 2, colors.bad);
  else if (span?.recorded) {
    context.globalAlpha = 0.45;
    rounded(context, x, bar.y, width, bar.height, 3, fill);
    context.globalAlpha = 1;
  } else rounded(context, x, bar.y, width, bar.height, 3, fill);
  if (!span) {
    outline(context, x, bar.y, width, bar.height, colors.accent);
    paintLiveText(context, scene, bar, x, width);
  } else if (bar.height >= 12 && width > 34) {
    fitText(context, spanText(span), x + 6, bar.y + bar.height / 2 + 0.5, width - 10, ink);
  }
  const shown = span !== null && span === scene.selected;
  const hovered = scene.hovered !== undefined && scene.hovered.span === span && scene.hovered.lane === bar.lane;
  if (shown || hovered)
    outline(context, x - 1.5, bar.y - 1.5, width + 3, bar.height + 3, shown ? colors.focus : colors.text, 2);
  if (model.copied && span && span.seq <= model.copied) {
    context.globalAlpha = 0.5;
    context.fillStyle = colors.surface;
    context.fillRect(x, bar.y, width, bar.height);
    context.globalAlpha = 1;
  }
}

function spanText(span: Span): string {
  const took = span.end === null ? "" : ` · ${formats.duration(span.end - span.start)}`;
  if (span.kind === "question") return `${runTexts.kinds.question}${took}`;
  return span.name.split("/").at(-1) + took;
}

/** The newest words of what a model is writing, in the bar that grows. */
function paintLiveText(context: CanvasRenderingContext2D, scene: Scene, bar: Bar, x: number, width: number): void {
  const text = scene.model.texts.of(bar.lane.id).at(-1)?.text;
  if (bar.height < 12 || width < 30) return;
  context.save();
  context.beginPath();
  context.rect(x + 4, bar.y, width - 8, bar.height);
  context.clip();
  context.fillStyle = scene.colors.text;
  const shown = text ? text.slice(-300).replace(/\s+/g, " ") : runTexts.thinking;
  const wide = context.measureText(shown).width;
  context.fillText(shown, Math.min(x + 6, x + width - 6 - wide), bar.y + bar.height / 2 + 0.5);
  context.restore();
}

function fitText(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  width: number,
  color: string,
): void {
  const from = Math.max(x, 6);
  const room = width - (from - x);
  if (room < 24) return;
  let shown = text;
  if (context.measureText(shown).width > room) {
    const each = context.measureText(shown).width / shown.length;
    shown = `${shown.slice(0, Math.max(0, Math.floor(room / each) - 1))}…`;
    if (shown.length < 4) return;
  }
  context.fillStyle = color;
  context.fillText(shown, from, y);
}

function rounded(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  radius: number,
  fill: string,
): void {
  context.fillStyle = fill;
  context.beginPath();
  context.roundRect(x, y, Math.max(width, 1), height, Math.min(radius, width / 2));
  context.fill();
}

function outline(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  color: string,
  thick = 1,
): void {
  context.strokeStyle = color;
  context.lineWidth = thick;
  context.beginPath();
  context.roundRect(x, y, Math.max(width, 1), height, 4);
  context.stroke();
  context.lineWidth = 1;
}

function diamond(context: CanvasRenderingContext2D, x: number, y: number, fill: string): void {
  context.fillStyle = fill;
  context.beginPath();
  context.moveTo(x, y - 6);
  context.lineTo(x + 5, y);
  context.lineTo(x, y + 6);
  context.lineTo(x - 5, y);
  context.fill();
}

function line(context: CanvasRenderingContext2D, x: number, y: number, toX: number, toY: number, color: string): void {
  context.strokeStyle = color;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.stroke();
}

function hatch(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  color: string,
  alpha = 1,
): void {
  if (width < 2) return;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.globalAlpha = alpha;
  context.strokeStyle = color;
  context.beginPath();
  for (let at = x - height; at < x + width; at += 7) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
}
