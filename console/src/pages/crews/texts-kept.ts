import type { Saved } from "./editor-state.ts";

const KEPT = "kasal.text.";
const LONGEST = 100_000;

/** Remembers a text as it was saved, for its comments: the platform keeps the crew alone. */
export function keepText(crewId: string, saved: Saved): void {
  try {
    if (saved.text.length <= LONGEST) localStorage.setItem(KEPT + crewId, JSON.stringify(saved));
  } catch {
    // The comments are gone then; the crew is saved.
  }
}

/** The text of this browser, if it is of the version that the platform has; else the platform's. */
export function savedText(crewId: string, theirs: Saved): Saved {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT + crewId) ?? "null");
    if (typeof kept !== "object" || kept === null || !("text" in kept) || !("etag" in kept)) return theirs;
    const isSame = typeof kept.text === "string" && kept.etag === theirs.etag;
    return isSame ? { text: String(kept.text), etag: theirs.etag } : theirs;
  } catch {
    return theirs;
  }
}

export function forgetText(crewId: string): void {
  localStorage.removeItem(KEPT + crewId);
}
