/** Below it, names are those of properties and not of keywords. */
const NAMED = new Set(["properties", "$defs", "definitions", "dependentSchemas"]);
const DATA = new Set(["const", "enum", "default", "examples", "example"]);

/**
 * A schema without its patterns. Whoever wrote the tool wrote them, and one that takes an hour would stop the page;
 * the platform checks them, with a limit, when the answer is sent.
 */
export function withoutPatterns(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutPatterns);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name]) => name !== "pattern" && name !== "patternProperties")
      .map(([name, inner]) => [name, inside(name, inner)]),
  );
}

function inside(name: string, inner: unknown): unknown {
  if (DATA.has(name)) return inner;
  if (!NAMED.has(name) || typeof inner !== "object" || inner === null) return withoutPatterns(inner);
  return Object.fromEntries(Object.entries(inner).map(([key, schema]) => [key, withoutPatterns(schema)]));
}

/** A schema that describes a value as it is, so that it can be edited in a form where nothing declares one. */
export function inferredSchema(value: unknown): Record<string, unknown> {
  if (Array.isArray(value))
    return { type: "array", items: value.length ? inferredSchema(value[0]) : { type: "string" } };
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([name, inner]) => [name, inferredSchema(inner)]);
    return { type: "object", properties: Object.fromEntries(entries) };
  }
  if (typeof value === "number") return { type: Number.isInteger(value) ? "integer" : "number" };
  return { type: typeof value === "boolean" ? "boolean" : "string" };
}

/** Whether a form made by `inferredSchema` shows all of the value: lists of mixed kinds and nulls need JSON. */
export function isPlain(value: unknown): boolean {
  if (value === null) return false;
  if (Array.isArray(value)) {
    const kinds = new Set(value.map((entry) => (Array.isArray(entry) ? "array" : typeof entry)));
    return kinds.size <= 1 && value.every(isPlain) && !kinds.has("object") && !kinds.has("array");
  }
  return typeof value !== "object" || Object.values(value).every(isPlain);
}
