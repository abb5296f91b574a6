import { useEffect, useSyncExternalStore } from "react";
import { count, duration, exact, money, relative, tokens } from "./formats.ts";

export function Money({ usd }: { usd: number | null | undefined }) {
  return <span title={usd === null || usd === undefined ? "The price is not known" : `$${usd}`}>{money(usd)}</span>;
}

export function Tokens({ value }: { value: number }) {
  return <span title={`${count(value)} tokens`}>{tokens(value)}</span>;
}

export function Duration({ ms }: { ms: number }) {
  return <span>{duration(ms)}</span>;
}

/** A time as people say it; its tooltip has it exactly. It stays true while it is shown. */
export function Moment({ at }: { at: string | null | undefined }) {
  const now = useNow(15_000);
  if (!at) return <span>—</span>;
  return (
    <time dateTime={at} title={exact(at)}>
      {relative(at, now)}
    </time>
  );
}

/** How long something has been going on, while it goes on. */
export function Elapsed({ since, until }: { since: string; until?: string | null | undefined }) {
  const now = useNow(1000, !until);
  const ms = (until ? Date.parse(until) : now) - Date.parse(since);
  // A tenth of a second would flicker while it counts.
  return <span>{duration(until ? ms : Math.floor(Math.max(0, ms) / 1000) * 1000).replace(/\.0 s$/, " s")}</span>;
}

interface Clock {
  now: number;
  timer: ReturnType<typeof setInterval> | undefined;
  listeners: Set<() => void>;
}

const clocks = new Map<number, Clock>();

function clockOf(every: number): Clock {
  const known = clocks.get(every);
  if (known) return known;
  const clock: Clock = { now: Date.now(), timer: undefined, listeners: new Set() };
  clocks.set(every, clock);
  return clock;
}

/** The time in milliseconds, anew every so often. All who ask for the same pace share one timer. */
export function useNow(every: number, running = true): number {
  const clock = clockOf(every);
  useEffect(() => {
    if (running && Date.now() - clock.now > every) clock.now = Date.now();
  }, [clock, every, running]);
  return useSyncExternalStore(
    (listener) => {
      if (!running) return () => undefined;
      clock.listeners.add(listener);
      clock.timer ??= setInterval(() => {
        clock.now = Date.now();
        for (const each of clock.listeners) each();
      }, every);
      return () => {
        clock.listeners.delete(listener);
        if (clock.listeners.size) return;
        clearInterval(clock.timer);
        clock.timer = undefined;
      };
    },
    () => (clock.timer ? clock.now : Date.now() - (Date.now() % every)),
  );
}
