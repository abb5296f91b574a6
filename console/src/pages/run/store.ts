import type { Kasal, WatchedEvent, WatchState } from "@kasal/client";
import { RunModel } from "./model.ts";

/** Milliseconds of a frame that go to folding events: the rest of it is for showing them. */
const SLICE = 8;
/** Events between two looks at the clock. */
const STRIDE = 64;
/** Milliseconds between two folds of a page that nobody sees: it gets no frames. */
const UNSEEN = 250;

export type Connection = "connecting" | "open" | "waiting" | "closed";

/** Keeps the model of a run up to date, and tells those who show it once a frame at most. */
export class RunStore {
  readonly model = new RunModel();
  connection: Connection = "connecting";
  /** Why the run cannot be shown; nothing more is tried. */
  failure: unknown = null;
  #version = 0;
  #queue: WatchedEvent[] = [];
  #next = 0;
  #cancel: (() => void) | null = null;
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  readonly getVersion = () => this.#version;

  /** Follows the run until its end. Returns what stops that; what is known stays. */
  follow(kasal: Pick<Kasal, "watch">, jobId: string): () => void {
    const stop = new AbortController();
    void this.#watch(kasal, jobId, stop.signal);
    return () => {
      stop.abort();
      this.#cancel?.();
      this.#cancel = null;
      this.#queue = [];
      this.#next = 0;
    };
  }

  async #watch(kasal: Pick<Kasal, "watch">, jobId: string, signal: AbortSignal): Promise<void> {
    const onState = (state: WatchState) => this.#connect(state.state);
    try {
      const afterSeq = this.model.lastSeq;
      for await (const event of kasal.watch(jobId, { afterSeq, deltas: true, signal, onState })) {
        if (signal.aborted) return;
        this.push(event);
      }
      this.#connect("closed");
    } catch (error) {
      if (signal.aborted) return;
      this.failure = error;
      this.#connect("closed");
    }
  }

  #connect(connection: Connection): void {
    if (connection === this.connection) return;
    this.connection = connection;
    this.#tell();
  }

  /** Takes an event or a piece of a text, to be folded with the next frame. */
  push(event: WatchedEvent): void {
    this.#queue.push(event);
    if (!this.#cancel) this.#plan();
  }

  #plan(): void {
    if (document.hidden) {
      const timer = setTimeout(this.#work, UNSEEN);
      this.#cancel = () => clearTimeout(timer);
    } else {
      const frame = requestAnimationFrame(this.#work);
      // A page that is hidden now gets no frame any more.
      const timer = setTimeout(this.#work, UNSEEN * 4);
      this.#cancel = () => {
        cancelAnimationFrame(frame);
        clearTimeout(timer);
      };
    }
  }

  readonly #work = () => {
    this.#cancel?.();
    this.#cancel = null;
    const until = performance.now() + SLICE;
    while (this.#next < this.#queue.length) {
      const event = this.#queue[this.#next++]!;
      if (event.type === "text_delta") this.model.addText(event);
      else this.model.add(event);
      if (this.#next % STRIDE === 0 && performance.now() >= until) break;
    }
    if (this.#next < this.#queue.length) this.#plan();
    else {
      this.#queue = [];
      this.#next = 0;
    }
    this.#tell();
  };

  /** Tells the model when the run was asked for. */
  setCreated(at: number): void {
    this.model.setCreated(at);
    this.#tell();
  }

  #tell(): void {
    this.#version++;
    for (const listener of this.#listeners) listener();
  }
}
