/** What was written and not saved. It outlives a reload and a walk to another page of this tab. */
export interface Draft {
  text: string;
  /** What the crew's tag was when it was opened. */
  etag: string | undefined;
}

const KEPT = "kasal.draft.";
const LONGEST = 500_000;

export function keepDraft(crewId: string | undefined, text: string, etag: string | undefined): void {
  try {
    if (text.length <= LONGEST) sessionStorage.setItem(keyOf(crewId), JSON.stringify({ text, etag }));
  } catch {
    // Without room for it, leaving the page asks first all the same.
  }
}

export function forgetDraft(crewId: string | undefined): void {
  sessionStorage.removeItem(keyOf(crewId));
}

export function draftOf(crewId: string | undefined): Draft | undefined {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(keyOf(crewId)) ?? "null");
    if (typeof kept !== "object" || kept === null || !("text" in kept) || typeof kept.text !== "string")
      return undefined;
    const etag = "etag" in kept && typeof kept.etag === "string" ? kept.etag : undefined;
    return { text: kept.text, etag };
  } catch {
    return undefined;
  }
}

function keyOf(crewId: string | undefined): string {
  return KEPT + (crewId ?? "new");
}
