import type { Schemas } from "@kasal/client";

export type Entry = Schemas["InboxEntry"];

export interface Shown {
  entry: Entry;
  /** The platform still waits for an answer. */
  open: boolean;
}

/** More that are not open any more would hide those that are. */
const MOST_CLOSED = 20;

/**
 * What the inbox shows after another reading: nothing disappears under the reader's hands. An entry that somebody else
 * has answered stays at its place, closed, until it is dismissed; new ones come at the end.
 */
export function merged(shown: readonly Shown[], fresh: readonly Entry[], dismissed: ReadonlySet<string>): Shown[] {
  const open = new Map(fresh.map((entry) => [entry.question_id, entry]));
  const kept = shown.map(({ entry }) => {
    const now = open.get(entry.question_id);
    open.delete(entry.question_id);
    return { entry: now ?? entry, open: now !== undefined };
  });
  let closed = 0;
  const all = [...kept, ...[...open.values()].map((entry) => ({ entry, open: true }))];
  return all
    .filter(({ entry }) => !dismissed.has(entry.question_id))
    .reverse()
    .filter((each) => each.open || ++closed <= MOST_CLOSED)
    .reverse();
}
