import { KasalError } from "@kasal/client";
import { crewTexts } from "../../texts/crews.ts";
import { isEntry, type Path } from "./model.ts";

/** Something that is wrong at a place of a crew. What is `missing` only keeps it from running. */
export interface Problem {
  path: Path;
  reason: string;
  kind: "wrong" | "missing" | "note";
}

/** The places in a refusal, as the API tells them (`tasks.0.description`). None if it tells no place of a crew. */
export function problemsOf(error: unknown): Problem[] {
  if (!(error instanceof KasalError) || error.status !== 400) return [];
  const { errors, field, reason } = error.details;
  const faults = Array.isArray(errors) && errors.length ? errors : [{ field, reason }];
  return faults.flatMap((fault: unknown) =>
    isEntry(fault) && typeof fault.field === "string" && !/\.ya?ml$|^files$/.test(fault.field)
      ? [problem(fault.field, String(fault.reason ?? error.message), "wrong")]
      : [],
  );
}

/** What a crew lacks to run. */
export function lacksOf(missing: readonly { field: string; reason: string }[]): Problem[] {
  return missing.map(({ field, reason }) => problem(field, withoutRoutes(field, reason), "missing"));
}

/** What was read otherwise than it might seem. */
export function notesOf(warnings: readonly { path: string; reason: string }[]): Problem[] {
  return warnings.map(({ path, reason }) => problem(path, reason, "note"));
}

/** The problems of a field and of what is in it. */
export function problemsAt(problems: readonly Problem[], path: Path): Problem[] {
  return problems.filter((each) => path.every((part, at) => each.path[at] === part));
}

/** The reason of a field's own problem, if it has one. */
export function reasonAt(problems: readonly Problem[], path: Path): string | undefined {
  const own = problems.find((each) => each.path.length === path.length && problemsAt([each], path).length);
  return own?.reason ?? problemsAt(problems, path)[0]?.reason;
}

/** A path in people's words: "Task 2, expected output". */
export function placeName(path: Path): string {
  const [first, index, ...rest] = path;
  const words = (parts: Path) => parts.map((part) => (typeof part === "number" ? part + 1 : part.replaceAll("_", " ")));
  if ((first === "agents" || first === "tasks") && typeof index === "number") {
    const entry = `${first === "agents" ? crewTexts.agent : crewTexts.task} ${index + 1}`;
    return rest.length ? `${entry}, ${words(rest).join(" ")}` : entry;
  }
  const text = words(path).join(" ");
  return text ? text[0]?.toUpperCase() + text.slice(1) : crewTexts.crew;
}

function problem(dotted: string, reason: string, kind: Problem["kind"]): Problem {
  const path = dotted.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  // The text names agents; the API knows them by their ids.
  return { path: path.map((part) => (part === "agent_id" ? "agent" : part)), reason, kind };
}

function withoutRoutes(field: string, reason: string): string {
  if (/^tasks\.\d+\.agent_id$/.test(field)) return crewTexts.chooseAgent;
  return reason;
}
