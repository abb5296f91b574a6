import type { Schemas } from "@kasal/client";

/** An input as a form shows it: a text as it is, any other value as JSON. */
export interface InputField {
  name: string;
  text: string;
  json: boolean;
}

const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_-]*)\}/g;

/** Returns the names that a crew's texts have in braces, in their order. Doubled braces are literal ones. */
export function placeholdersOf(crew: Pick<Schemas["VersionView"], "agents" | "tasks">): string[] {
  const texts = [
    ...crew.agents.flatMap((agent) => [agent.role, agent.goal, agent.backstory]),
    ...crew.tasks.flatMap((task) => [task.description, task.expected_output, task.for_each, ...(task.context ?? [])]),
  ];
  const found = new Set<string>();
  for (const text of texts) {
    if (typeof text !== "string") continue;
    for (const [, name] of text.replace(/\{\{|\}\}/g, " ").matchAll(PLACEHOLDER)) if (name !== "item") found.add(name!);
  }
  return [...found];
}

/** Returns the fields of a form: all that the run was given, and what the crew's texts name besides. */
export function fieldsOf(given: Readonly<Record<string, unknown>>, placeholders: readonly string[]): InputField[] {
  const names = [...new Set([...Object.keys(given), ...placeholders])];
  return names.map((name) => {
    const value = given[name];
    const json = value !== undefined && typeof value !== "string";
    return { name, json, text: json ? JSON.stringify(value, null, 1) : ((value as string | undefined) ?? "") };
  });
}

/** Returns the value of a field. Throws `SyntaxError` for JSON that is none. */
export function inputOf(field: InputField): unknown {
  return field.json ? JSON.parse(field.text) : field.text;
}

/** Returns what is different from what the run was given. */
export function changedInputs(
  fields: readonly InputField[],
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const changed = fields.filter((field) => {
    const before = given[field.name];
    return before === undefined ? field.text !== "" : JSON.stringify(inputOf(field)) !== JSON.stringify(before);
  });
  return Object.fromEntries(changed.map((field) => [field.name, inputOf(field)]));
}

/** What is wrong with a field, if something is. */
export function faultOf(field: InputField): string | null {
  try {
    inputOf(field);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
