import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

export type View = "compact" | "timeline" | "full";

const VIEWS: ReadonlySet<string> = new Set(["compact", "timeline", "full"]);

export interface Place {
  view: View;
  seq: number | null;
}

/** Reads a place from the query of an address; whatever is no place becomes the first one. */
export function placeOf(search: string): Place {
  const query = new URLSearchParams(search);
  const view = query.get("view") ?? "";
  const seq = Number(query.get("seq"));
  return { view: VIEWS.has(view) ? (view as View) : "compact", seq: Number.isSafeInteger(seq) && seq > 0 ? seq : null };
}

export function searchOf({ view, seq }: Place): string {
  const query = new URLSearchParams();
  if (view !== "compact") query.set("view", view);
  if (seq !== null) query.set("seq", String(seq));
  return query.size ? `?${query}` : "";
}

/** Which view is shown and which event is selected: both are in the address, so that each event has a link. */
export function usePlace() {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const place = useMemo(() => placeOf(search), [search]);
  // Looking around makes no history: one step back leaves the run.
  const go = useCallback(
    (next: Partial<Place>) => navigate(path + searchOf({ ...place, ...next }), { replace: true }),
    [navigate, path, place],
  );
  const show = useCallback((view: View) => go({ view }), [go]);
  const select = useCallback((seq: number | null) => go({ seq }), [go]);
  return { ...place, show, select };
}
