/** A stretch of time on the axis. `idle` ones are waits that were shortened: their width says nothing. */
export interface Stretch {
  from: number;
  to: number;
  /** Where it begins and ends on the axis, in units of which one is a millisecond that was not shortened. */
  left: number;
  right: number;
  idle: boolean;
}

/** Milliseconds that a wait must last to be shortened, and how many times as long as all the work. */
const LONG = 15_000;
const SHARE = 0.5;
/** What is left of it, as a share of the work. */
const LEFT = 0.06;

/** Maps times to places on an axis and back. Waits that would squeeze everything else together are shortened. */
export class Scale {
  readonly stretches: Stretch[];
  readonly size: number;

  constructor(from: number, to: number, busy: readonly (readonly [number, number])[] | null) {
    this.stretches = stretchesOf(from, Math.max(to, from + 1), busy);
    this.size = this.stretches.at(-1)!.right;
  }

  /** The place of a time, from 0 to `size`. */
  place(time: number): number {
    const { stretches } = this;
    let low = 0;
    let high = stretches.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (stretches[middle]!.from <= time) low = middle;
      else high = middle - 1;
    }
    const { from, to, left, right } = stretches[low]!;
    return left + (Math.min(Math.max(time, from), to) - from) * ((right - left) / (to - from || 1));
  }

  /** The time at a place. */
  time(place: number): number {
    const found = this.stretches.find((stretch) => place <= stretch.right) ?? this.stretches.at(-1)!;
    const { from, to, left, right } = found;
    return from + (Math.max(place, left) - left) * ((to - from) / (right - left || 1));
  }
}

function stretchesOf(from: number, to: number, busy: readonly (readonly [number, number])[] | null): Stretch[] {
  const gaps = busy === null ? [] : gapsOf(from, to, busy);
  const idle = gaps.reduce((sum, [begin, end]) => sum + end - begin, 0);
  const least = Math.max(LONG, SHARE * (to - from - idle));
  const long = gaps.filter(([begin, end]) => end - begin > least);
  const work = to - from - long.reduce((sum, [begin, end]) => sum + end - begin, 0);
  const width = Math.max(work, 1000) * LEFT;
  const found: Stretch[] = [];
  let at = from;
  const add = (until: number, isIdle: boolean) => {
    if (until <= at) return;
    const left = found.at(-1)?.right ?? 0;
    found.push({ from: at, to: until, left, right: left + (isIdle ? width : until - at), idle: isIdle });
    at = until;
  };
  for (const [begin, end] of long) {
    add(begin, false);
    add(end, true);
  }
  add(to, false);
  return found;
}

function gapsOf(from: number, to: number, busy: readonly (readonly [number, number])[]): [number, number][] {
  const gaps: [number, number][] = [];
  let at = from;
  for (const [begin, end] of busy) {
    if (begin > at) gaps.push([at, Math.min(begin, to)]);
    at = Math.max(at, end);
  }
  if (to > at) gaps.push([at, to]);
  return gaps;
}

/** The part of the axis that is in sight, in its units. */
export interface Window {
  from: number;
  to: number;
}

/** The least that one can zoom into, in units. */
const CLOSEST = 1;

/** Zooms by a factor around a place, which stays where it is. Null is all there is. */
export function zoomed(scale: Scale, window: Window | null, factor: number, around?: number): Window | null {
  const { from, to } = window ?? { from: 0, to: scale.size };
  const at = around ?? (from + to) / 2;
  const size = Math.max(CLOSEST, (to - from) / factor);
  if (size >= scale.size) return null;
  const begin = at - ((at - from) / (to - from)) * size;
  return within(scale, begin, size);
}

/** Moves a window by a share of its size. */
export function panned(scale: Scale, window: Window | null, share: number): Window | null {
  if (!window) return null;
  const size = window.to - window.from;
  return within(scale, window.from + share * size, size);
}

function within(scale: Scale, begin: number, size: number): Window {
  const from = Math.min(Math.max(0, begin), Math.max(0, scale.size - size));
  return { from, to: from + size };
}

const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 3, 6, 12, 24].map((hours) => hours * 3_600_000),
];

/** Times that are worth a line: round ones since the beginning, at least `apart` units from each other. */
export function ticksOf(scale: Scale, { from, to }: Window, apart: number): number[] {
  const step = STEPS.find((each) => each >= apart) ?? Math.ceil(apart / 86_400_000) * 86_400_000;
  const begin = scale.stretches[0]!.from;
  const ticks: number[] = [];
  for (const stretch of scale.stretches) {
    if (stretch.idle || stretch.right < from || stretch.left > to) continue;
    const first = Math.max(stretch.from, scale.time(Math.max(from, stretch.left)));
    const last = Math.min(stretch.to, scale.time(Math.min(to, stretch.right)));
    for (let at = begin + Math.ceil((first - begin) / step) * step; at <= last; at += step) {
      const place = scale.place(at);
      const before = ticks.at(-1);
      if (before === undefined || place - scale.place(before) >= apart * 0.9) ticks.push(at);
    }
  }
  return ticks;
}

/** `+0 s`, `+1.5 s`, `+2 m 30 s`: how long after the beginning. */
export function tickText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${Number(seconds.toFixed(3))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m${seconds % 60 ? ` ${Math.round(seconds % 60)} s` : ""}`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} m` : ""}`;
}

/** The end of the axis of a run that goes on: it grows in steps, so that bars grow and the rest stays where it is. */
export function steppedEnd(from: number, now: number, known: number): number {
  if (now <= known) return known;
  const size = now - from;
  return from + Math.max(10_000, size * 1.5);
}
