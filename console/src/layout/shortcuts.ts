import { useEffect } from "react";
import { useLocation } from "wouter";
import { PLACES } from "./places.ts";

/** Milliseconds in which the second key of a shortcut must follow. */
const PATIENCE = 1_200;

export interface ShortcutActions {
  onHelp: () => void;
  onSearch: () => void;
}

/** Whether a key press is meant for a field, a menu or a dialog, and not for the page. */
export function isTaken(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true;
  const inField = target?.closest("input, textarea, select, [contenteditable], [role=menu], [role=listbox]");
  return !!inField || document.querySelector("[role=dialog], [role=alertdialog]") !== null;
}

let started = 0;

/** Whether `g` was pressed just now: the next key is for the navigation. */
export function inSequence(): boolean {
  return Date.now() - started < PATIENCE;
}

/** `g h` goes home, `g r` to the runs and so on; `/` searches, `?` shows all of them. */
export function useShortcuts({ onHelp, onSearch }: ShortcutActions): void {
  const [, navigate] = useLocation();
  useEffect(() => {
    function onKeyDown(event: KeyboardEvent) {
      if (isTaken(event)) return;
      const place = PLACES.find((each) => each.key === event.key);
      if (inSequence() && place) navigate(place.href);
      else if (event.key === "?") onHelp();
      else if (event.key === "/") onSearch();
      else {
        started = event.key === "g" ? Date.now() : 0;
        return;
      }
      started = 0;
      event.preventDefault();
    }
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [navigate, onHelp, onSearch]);
}
