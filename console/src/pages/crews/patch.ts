import { crewTexts } from "../../texts/crews.ts";
import { isEntry } from "./model.ts";
import { placeName } from "./problems.ts";

/** A step of a JSON Patch in people's words. */
export interface Change {
  verb: string;
  place: string;
  value: string;
}

const LONGEST = 160;

/** Reads a JSON Patch (RFC 6902) of a crew. */
export function changesIn(patch: unknown): Change[] {
  if (!Array.isArray(patch)) return [];
  return patch.filter(isEntry).map((step) => {
    const { verbs, from } = crewTexts.versions;
    const verb = verbs[step.op as keyof typeof verbs] ?? String(step.op);
    const value = typeof step.from === "string" ? `${from} ${place(step.from)}` : shown(step.value);
    return { verb, place: place(String(step.path)), value };
  });
}

function place(pointer: string): string {
  const parts = pointer.split("/").slice(1);
  const names = parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return placeName(names.map((name) => (/^\d+$/.test(name) ? Number(name) : name)));
}

function shown(value: unknown): string {
  if (value === undefined) return "";
  const text = isEntry(value)
    ? String(value.name ?? value.role ?? JSON.stringify(value))
    : typeof value === "string"
      ? value
      : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
