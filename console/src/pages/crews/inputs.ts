import { inputsIn } from "./graph.ts";
import { type Entry, entriesOf, isEntry } from "./model.ts";

/** How an input is written. */
export type InputKind = "text" | "list" | "json" | "file";

/** An input that a crew's texts, lists, conditions or memory need. */
export interface InputNeed {
  name: string;
  kind: InputKind;
  /** Where it is used: "Task research". */
  usedBy: string[];
}

/** What was written for an input: as text, whatever its kind. */
export interface Written {
  kind: InputKind;
  text: string;
}

const ITEM = "item";

/** The placeholders of a text: `{name}`, but not `{{name}}`, which stands for the text `{name}`. */
export function placeholdersIn(text: unknown): string[] {
  if (typeof text !== "string") return [];
  return [...text.matchAll(/\{\{|\{([A-Za-z_][A-Za-z0-9_-]*)\}/g)].flatMap(([, name]) => (name ? [name] : []));
}

/** What a crew asks for when it is run, in order of appearance. */
export function neededInputs(crew: Entry): InputNeed[] {
  const found = new Map<string, InputNeed>();
  const need = (name: string, kind: InputKind, usedBy: string) => {
    const known = found.get(name) ?? { name, kind, usedBy: [] };
    if (kind === "list") known.kind = kind;
    if (!known.usedBy.includes(usedBy)) known.usedBy.push(usedBy);
    found.set(name, known);
  };
  for (const agent of entriesOf(crew, "agents")) {
    const who = `agent ${agent.name ?? agent.role ?? ""}`.trim();
    for (const field of ["role", "goal", "backstory"]) {
      for (const name of placeholdersIn(agent[field])) need(name, "text", who);
    }
  }
  for (const [at, task] of entriesOf(crew, "tasks").entries()) {
    const who = `task ${typeof task.name === "string" && task.name ? task.name : at + 1}`;
    for (const field of ["description", "expected_output"]) {
      for (const name of placeholdersIn(task[field])) {
        if (!(name === ITEM && typeof task.for_each === "string")) need(name, "text", who);
      }
    }
    const [, list] = typeof task.for_each === "string" ? (/^\{(.+)\}$/.exec(task.for_each) ?? []) : [];
    if (list) need(list, "list", who);
    const asked = askedFor(task.condition);
    for (const name of inputsIn(task.condition)) if (!asked.has(name)) need(name, "text", who);
  }
  const memory = isEntry(crew.configuration) ? crew.configuration.memory : undefined;
  if (isEntry(memory) && (memory.short_term === true || memory.long_term === true)) {
    const [key] = placeholdersIn(memory.scope);
    if (key) need(key, "text", "memory");
  }
  return [...found.values()];
}

/** What a condition asks for by `"name" in inputs`: it may be missing. */
function askedFor(condition: unknown): Set<string> {
  if (typeof condition !== "string") return new Set();
  const asked = condition.matchAll(/(?:"([^"]*)"|'([^']*)')\s+(?:not\s+)?in\s+inputs\b/g);
  return new Set([...asked].map(([, double, single]) => double ?? single ?? ""));
}

/** The value of what was written. Throws a `SyntaxError` that says what is wrong with it. */
export function inputValue({ kind, text }: Written): unknown {
  if (kind === "text") return text;
  if (kind === "file") return { file: text };
  if (kind === "json") return JSON.parse(text);
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "");
}

/** Says what is wrong with what was written, or nothing. */
export function faultOf(written: Written | undefined): string | undefined {
  if (!written || (written.text.trim() === "" && written.kind !== "text")) {
    return written?.kind === "file" ? "Choose a file" : "Write something here";
  }
  if (written.kind === "text" && written.text === "") return "Write something here";
  try {
    inputValue(written);
    return undefined;
  } catch (error) {
    return error instanceof Error ? `This is not JSON: ${error.message}` : String(error);
  }
}

type Kept = Pick<Storage, "getItem" | "setItem">;
const KEPT = "kasal.inputs.";
const LONGEST_KEPT = 20_000;

/** What was last written for a crew's inputs in this browser. */
export function lastInputs(crewId: string, storage: Kept = localStorage): Record<string, Written> {
  try {
    const kept: unknown = JSON.parse(storage.getItem(KEPT + crewId) ?? "{}");
    const entries = isEntry(kept) ? Object.entries(kept) : [];
    return Object.fromEntries(entries.filter((entry): entry is [string, Written] => isWritten(entry[1])));
  } catch {
    return {};
  }
}

/** Remembers what was written. A browser that has no room for it, or does not allow it, forgets. */
export function rememberInputs(crewId: string, inputs: Record<string, Written>, storage: Kept = localStorage): void {
  const text = JSON.stringify(inputs);
  try {
    if (text.length <= LONGEST_KEPT) storage.setItem(KEPT + crewId, text);
  } catch {
    // It is a convenience alone.
  }
}

function isWritten(value: unknown): value is Written {
  return isEntry(value) && typeof value.text === "string" && /^(text|list|json|file)$/.test(String(value.kind));
}
