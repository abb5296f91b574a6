import { KasalError } from "./errors.ts";
import { backoff, pause } from "./pauses.ts";
import { StreamReader } from "./sse.ts";
import type { TraceEvent, WatchedEvent } from "./types.ts";

export interface WatchOptions {
  /** Begin after the event with this number; 0, the default, is the job's beginning. */
  afterSeq?: number;
  /** Also yield the text that a model is writing, as `text_delta`. */
  deltas?: boolean;
  signal?: AbortSignal;
  /** Hears when the stream is open, and when it waits to connect again and why. */
  onState?: (state: WatchState) => void;
}

export type WatchState =
  | { state: "connecting" }
  | { state: "open" }
  | { state: "waiting"; ms: number; cause: KasalError };

/** Opens the stream of events after a number; null if the job is over and that was its last event. */
export type Connect = (afterSeq: number, signal: AbortSignal) => Promise<ReadableStream<Uint8Array> | null>;

const ENDS: ReadonlySet<string> = new Set([
  "execution_complete",
  "error",
  "execution_stopped",
] satisfies TraceEvent["type"][]);

/** The platform sends a comment after 15 s of silence: after this long, nobody is there any more. */
const SILENCE = 40_000;

/** Tells whether an event is the last one of its job. */
export function isEnd(event: WatchedEvent): boolean {
  return ENDS.has(event.type);
}

/** Yields a job's events, each once and in order, through any number of connections, until its last one. */
export async function* watched(connect: Connect, options: WatchOptions): AsyncGenerator<WatchedEvent, void, undefined> {
  let seq = options.afterSeq ?? 0;
  for (let failures = 0; ; failures++) {
    const stop = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
    try {
      options.onState?.({ state: "connecting" });
      const body = await connect(seq, signal);
      if (!body) return;
      options.onState?.({ state: "open" });
      for await (const event of eventsOf(body, stop)) {
        if (event.type !== "text_delta") {
          if (event.seq <= seq) continue;
          if (event.seq > seq + 1) break; // a hole: the next connection fills it
          seq = event.seq;
          failures = -1;
        }
        yield event;
        if (isEnd(event)) return;
      }
      await wait(KasalError.unreachable("The stream ended."), failures, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      await wait(transient(error), failures, options);
    } finally {
      stop.abort();
    }
  }
}

/** Returns what may pass by itself; throws what will not: a job that is not there, a token that is not good. */
function transient(error: unknown): KasalError {
  if (!(error instanceof KasalError)) return KasalError.unreachable(error);
  if (error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
  return error;
}

async function wait(cause: KasalError, failures: number, options: WatchOptions): Promise<void> {
  // The first new try after progress comes at once or nearly: most streams end because a process restarts.
  const ms = Math.max((cause.retryAfter ?? 0) * 1000, failures < 0 ? Math.random() * 250 : backoff(failures));
  options.onState?.({ state: "waiting", ms, cause });
  await pause(ms, options.signal);
}

async function* eventsOf(body: ReadableStream<Uint8Array>, stop: AbortController): AsyncGenerator<WatchedEvent> {
  const reader = body.getReader();
  const messages = new StreamReader();
  const decoder = new TextDecoder();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (;;) {
      timer = setTimeout(() => stop.abort(new DOMException("The stream is silent.", "TimeoutError")), SILENCE);
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) return;
      for (const message of messages.read(decoder.decode(value, { stream: true }))) {
        yield JSON.parse(message.data) as WatchedEvent;
      }
    }
  } finally {
    clearTimeout(timer);
    void reader.cancel().catch(() => undefined);
  }
}
