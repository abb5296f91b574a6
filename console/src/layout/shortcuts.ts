import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { PLACES } from "./places.ts";

/** Milliseconds in which the second key of a shortcut must follow. */
const PATIENCE = 1_200;

export interface ShortcutActions {
  onHelp: () => void;
  onSearch: () => void;
}

/** Whether a key press is meant for a field, a menu or a dialog, and not for the page. */
function isTaken(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true;
  const inField = target?.closest("input, textarea, select, [contenteditable], [role=menu], [role=listbox]");
  return !!inField || document.querySelector("[role=dialog], [role=alertdialog]") !== null;
}

/** `g h` goes home, `g r` to the runs and so on; `/` searches, `?` shows all of them. */
export function useShortcuts({ onHelp, onSearch }: ShortcutActions): void {
  const [, navigate] = useLocation();
  const started = useRef(0);
  useEffect(() => {
    function onKeyDown(event: KeyboardEvent) {
      if (isTaken(event)) return;
      const place = PLACES.find((each) => each.key === event.key);
      if (Date.now() - started.current < PATIENCE && place) navigate(place.href);
      else if (event.key === "?") onHelp();
      else if (event.key === "/") onSearch();
      else {
        started.current = event.key === "g" ? Date.now() : 0;
        return;
      }
      started.current = 0;
      event.preventDefault();
    }
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [navigate, onHelp, onSearch]);
}
