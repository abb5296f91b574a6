import schemas from "./schemas.gen.json";

/** A schema of the API's reference, as far as forms need it. */
export interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: readonly string[];
  examples?: readonly unknown[];
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  pattern?: string;
  format?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: readonly string[];
  anyOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  $ref?: string;
}

export type FieldKind = "line" | "text" | "number" | "switch" | "choice" | "list" | "group" | "map" | "json";

/** A field of a form, as the API's reference declares it. */
export interface FieldSpec {
  name: string;
  label: string;
  kind: FieldKind;
  required: boolean;
  description: string | undefined;
  /** What holds if it is left out. */
  fallback: unknown;
  example: unknown;
  choices: readonly string[];
  integer: boolean;
  minimum: number | undefined;
  maximum: number | undefined;
  longest: number | undefined;
  /** The fields of a group. */
  fields: readonly FieldSpec[];
}

export type SchemaName = keyof typeof schemas;

const known = schemas as unknown as Record<string, Schema>;
const cache = new Map<string, readonly FieldSpec[]>();

/** A longer text than this is written in several lines. */
const LONG = 300;

/** The fields of a schema, in its order. */
export function fieldsOf(name: SchemaName): readonly FieldSpec[] {
  const cached = cache.get(name);
  if (cached) return cached;
  const fields = fieldsIn(schemaOf(name));
  cache.set(name, fields);
  return fields;
}

/** One field of a schema. Throws if the API has no such field any more. */
export function fieldOf(name: SchemaName, field: string): FieldSpec {
  const found = fieldsOf(name).find((each) => each.name === field);
  if (!found) throw new Error(`The API's ${name} has no field ${field}.`);
  return found;
}

export function schemaOf(name: string): Schema {
  const found = known[name];
  if (!found) throw new Error(`The API has no schema ${name}.`);
  return found;
}

function fieldsIn(schema: Schema): FieldSpec[] {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).map(([name, each]) => specOf(name, each, required.has(name)));
}

function specOf(name: string, declared: Schema, required: boolean): FieldSpec {
  const schema = { ...plain(declared), ...described(declared) };
  return {
    name,
    label: labelOf(name),
    kind: kindOf(schema),
    required,
    description: declared.description ?? schema.description,
    fallback: declared.default,
    example: declared.examples?.[0] ?? schema.examples?.[0],
    choices: schema.enum ?? [],
    integer: schema.type === "integer",
    minimum: schema.minimum ?? schema.exclusiveMinimum,
    maximum: schema.maximum,
    longest: schema.maxLength,
    fields: schema.type === "object" && schema.properties ? fieldsIn(schema) : [],
  };
}

/** The schema behind a reference, without the `null` that stands for a field which is not set. */
export function plain(schema: Schema): Schema {
  if (schema.$ref) return plain(schemaOf(schema.$ref.split("/").at(-1) ?? ""));
  const others = schema.anyOf?.filter((each) => each.type !== "null");
  const [only] = others ?? [];
  return only && others?.length === 1 ? plain(only) : schema;
}

function described({ description, examples }: Schema): Schema {
  return { ...(description === undefined ? {} : { description }), ...(examples === undefined ? {} : { examples }) };
}

function kindOf(schema: Schema): FieldKind {
  if (schema.enum) return "choice";
  if (schema.type === "boolean") return "switch";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string") return (schema.maxLength ?? 0) > LONG && !schema.pattern ? "text" : "line";
  if (schema.type === "array" && schema.items && plain(schema.items).type === "string") return "list";
  if (schema.type === "object" && schema.properties) return "group";
  if (schema.type === "object" && typeof schema.additionalProperties === "object") return "map";
  return "json";
}

/** `expected_output` → `Expected output`. */
export function labelOf(name: string): string {
  const words = name.replaceAll("_", " ").replace(/\b(url|api|usd|id)\b/g, (word) => word.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What is written for a number, as a value: undefined for nothing, a text for what is no number. */
export function numberOf(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : trimmed;
}

/** Says in a few words what a value may be: "1 to 200; 15 if empty". */
export function boundsOf(spec: FieldSpec): string {
  const { minimum, maximum, fallback } = spec;
  const parts: string[] = [];
  if (spec.kind === "number" && minimum !== undefined && maximum !== undefined && maximum <= 1e6) {
    parts.push(`${minimum} to ${maximum.toLocaleString("en-US")}`);
  }
  if (spec.kind === "number" && typeof fallback === "number")
    parts.push(`${fallback.toLocaleString("en-US")} if empty`);
  return parts.join("; ");
}
