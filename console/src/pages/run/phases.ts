/** What the whole run was doing: the band above its lanes. */
export type PhaseKind = "queued" | "running" | "waiting" | "lost";

export interface Phase {
  kind: PhaseKind;
  start: number;
  end: number | null;
  attempt: number;
  /** The event that began it; 0 for the time before the first. */
  seq: number;
  reason: string;
}

/** The phases of a run, one after the other. */
export class Phases {
  readonly list: Phase[] = [];

  get last(): Phase | undefined {
    return this.list.at(-1);
  }

  /** Ends what was going on, and begins something else. */
  begin(kind: PhaseKind, start: number, attempt: number, seq: number, reason = ""): void {
    this.end(start);
    this.list.push({ kind, start, end: null, attempt, seq, reason });
  }

  end(at: number): void {
    const last = this.last;
    if (last && last.end === null) last.end = Math.max(last.start, at);
  }

  /** A worker was lost somewhere between `from` and `to`: nobody knows when. */
  lose(from: number, to: number, attempt: number, seq: number, reason: string): void {
    const last = this.last;
    if (last?.kind === "running") this.begin("lost", Math.max(from, last.start), last.attempt, seq, reason);
    this.begin("running", to, attempt, seq, reason);
  }
}
