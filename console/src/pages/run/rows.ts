import type { Note, RunModel } from "./model.ts";
import type { Lane, Span } from "./spans.ts";

/** A line of the compact view. `live` is what a lane's model is doing before there is an event of it. */
export type Row =
  | { kind: "note"; key: string; depth: 0; note: Note }
  | { kind: "lane"; key: string; depth: number; lane: Lane; open: boolean }
  | { kind: "span"; key: string; depth: number; span: Span }
  | { kind: "live"; key: string; depth: number; lane: Lane };

/** More entries of a list than are shown with all their calls at first. */
const MANY = 8;

/** Which lanes are unfolded: all but the work on the entries of a long list, unless somebody has chosen otherwise. */
export class Folding {
  readonly #chosen = new Map<string, boolean>();
  #rest: boolean | null = null;

  isOpen(lane: Lane, whole?: Lane): boolean {
    return this.#chosen.get(lane.id) ?? this.#rest ?? !(whole && whole.items.length > MANY);
  }

  with(laneId: string, open: boolean): Folding {
    const changed = this.#copy();
    changed.#chosen.set(laneId, open);
    return changed;
  }

  withAll(open: boolean): Folding {
    const changed = new Folding();
    changed.#rest = open;
    return changed;
  }

  #copy(): Folding {
    const copy = new Folding();
    copy.#rest = this.#rest;
    for (const [id, open] of this.#chosen) copy.#chosen.set(id, open);
    return copy;
  }
}

/** Whether a lane's model is being asked, as far as events tell. */
export function isAsking(lane: Lane): boolean {
  return lane.status === "running" && lane.open === 0 && lane.items.length === 0;
}

/** Returns the lines of a run: tasks in the crew's order with their calls, and notes where they fell. */
export function rowsOf(model: RunModel, folding: Folding): Row[] {
  const rows: Row[] = [];
  let note = 0;
  const addNotes = (before: number) => {
    for (; note < model.notes.length && model.notes[note]!.seq < before; note++) {
      const one = model.notes[note]!;
      rows.push({ kind: "note", key: `n${one.seq}`, depth: 0, note: one });
    }
  };
  for (const lane of model.lanes) {
    addNotes(lane.seq || Number.POSITIVE_INFINITY);
    addLane(rows, lane, 0, folding);
  }
  addNotes(Number.POSITIVE_INFINITY);
  return rows;
}

function addLane(rows: Row[], lane: Lane, depth: number, folding: Folding, whole?: Lane): void {
  const open = folding.isOpen(lane, whole);
  rows.push({ kind: "lane", key: `l${lane.id}`, depth, lane, open });
  if (!open) return;
  for (const span of lane.spans) rows.push({ kind: "span", key: `s${span.seq}`, depth: depth + 1, span });
  if (isAsking(lane)) rows.push({ kind: "live", key: `v${lane.id}`, depth: depth + 1, lane });
  for (const item of lane.items) addLane(rows, item, depth + 1, folding, lane);
}

/** Returns the event that a line is about: what its link says, and what the details show. */
export function seqOf(row: Row): number | null {
  if (row.kind === "note") return row.note.seq;
  if (row.kind === "span") return row.span.seq;
  return row.lane.seq || null;
}
