import { useState } from "react";
import { fieldTexts } from "../texts/fields.ts";
import { Checkbox, Field, Select, TextArea } from "../ui/index.ts";
import { ListField } from "./list-field.tsx";
import { boundsOf, type FieldSpec, numberOf } from "./schema.ts";
import styles from "./schema-field.module.css";

export interface SchemaFieldProps {
  spec: FieldSpec;
  value: unknown;
  /** `undefined` takes the field away: its default holds then. */
  onChange: (value: unknown) => void;
  error?: string | undefined;
  isDisabled?: boolean;
  /** Another label or help than the reference's. */
  label?: string;
  description?: string;
  rows?: number;
}

/** A field of a form, made of what the API's reference says about it. */
export function SchemaField(props: SchemaFieldProps) {
  const { spec, value, onChange, error, isDisabled = false, rows } = props;
  const label = props.label ?? spec.label;
  const bounds = boundsOf(spec);
  const help = [props.description ?? spec.description, bounds].filter(Boolean).join(". ") || undefined;
  const common = { label, description: help, error, isDisabled, isRequired: spec.required };
  switch (spec.kind) {
    case "switch":
      return <SwitchField {...props} label={label} help={help} />;
    case "choice":
      return <ChoiceField {...props} label={label} help={help} />;
    case "number":
      return <NumberField key={spec.name} common={common} value={value} onChange={onChange} example={spec.example} />;
    case "list":
      return <ListField {...common} value={value} onChange={onChange} placeholder={exampleText(spec.example)} />;
    case "map":
    case "json":
      return <JsonField {...common} value={value} onChange={onChange} example={spec.example} />;
    case "text":
      return <TextArea {...common} value={asText(value)} onChange={whole(onChange)} rows={rows ?? 3} />;
    default:
      return (
        <Field {...common} value={asText(value)} onChange={whole(onChange)} placeholder={exampleText(spec.example)} />
      );
  }
}

function SwitchField({
  spec,
  value,
  onChange,
  error,
  isDisabled,
  label,
  help,
}: SchemaFieldProps & { help?: string | undefined }) {
  const fallback = spec.fallback === true;
  const isSelected = typeof value === "boolean" ? value : fallback;
  return (
    <Checkbox
      isSelected={isSelected}
      isDisabled={isDisabled ?? false}
      isInvalid={!!error}
      onChange={(on) => onChange(on === fallback ? undefined : on)}
    >
      {label}
      {help && <small className={styles.hint}>{help}</small>}
      {error && <small className={`${styles.hint} ${styles.bad}`}>{error}</small>}
    </Checkbox>
  );
}

/** Stands for a field that is not set. */
const UNSET = "";

function ChoiceField({
  spec,
  value,
  onChange,
  error,
  isDisabled,
  label,
  help,
}: SchemaFieldProps & { help?: string | undefined }) {
  const fallback = typeof spec.fallback === "string" ? spec.fallback : undefined;
  const options = spec.choices.map((id) => ({ id, text: id.replaceAll("_", " ") }));
  const unset = fallback === undefined && !spec.required ? [{ id: UNSET, text: fieldTexts.notSet }] : [];
  return (
    <Select
      label={label ?? spec.label}
      description={help}
      error={error}
      isDisabled={isDisabled ?? false}
      options={[...unset, ...options]}
      value={typeof value === "string" ? value : (fallback ?? UNSET)}
      onChange={(key) => onChange(key === UNSET || key === fallback ? undefined : key)}
    />
  );
}

interface Common {
  label: string;
  description: string | undefined;
  error: string | undefined;
  isDisabled: boolean;
  isRequired: boolean;
}

/** Keeps what is being written, since `1.` and `-` are no numbers yet. */
function NumberField({
  common,
  value,
  onChange,
  example,
}: {
  common: Common;
  value: unknown;
  onChange: (value: unknown) => void;
  example: unknown;
}) {
  const [written, setWritten] = useState<string>();
  const shown = written !== undefined && numberOf(written) === value ? written : asText(value);
  return (
    <Field
      {...common}
      inputMode="decimal"
      value={shown}
      placeholder={exampleText(example)}
      onChange={(text) => {
        setWritten(text);
        onChange(numberOf(text));
      }}
    />
  );
}

/** JSON as text; what is no JSON yet is kept here, and says so. */
export function JsonField({
  value,
  onChange,
  example,
  error,
  rows = 4,
  ...common
}: Common & { value: unknown; onChange: (value: unknown) => void; example?: unknown; rows?: number }) {
  const [draft, setDraft] = useState<{ text: string; of: unknown }>();
  const current =
    draft && same(draft.of, value) ? draft.text : value === undefined || value === null ? "" : written(value);
  const fault = jsonFault(current);
  return (
    <TextArea
      {...common}
      mono
      rows={rows}
      error={fault ?? error}
      value={current}
      placeholder={example === undefined ? undefined : written(example)}
      onChange={(text) => {
        const next = text.trim() === "" ? undefined : parsed(text);
        const broken = jsonFault(text) !== undefined;
        setDraft({ text, of: broken ? value : next });
        if (!broken) onChange(next);
      }}
    />
  );
}

function jsonFault(text: string): string | undefined {
  if (text.trim() === "") return undefined;
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return fieldTexts.notJson(error instanceof Error ? error.message : String(error));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function same(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

function written(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function whole(onChange: (value: unknown) => void) {
  return (text: string) => onChange(text === "" ? undefined : text);
}

export function asText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function exampleText(example: unknown): string | undefined {
  if (typeof example === "string" || typeof example === "number") return String(example);
  if (Array.isArray(example) && typeof example[0] === "string") return example[0];
  return undefined;
}
