import { KasalError } from "@kasal/client";

/** What is written in a form, by the names of its fields. */
export type Written = Readonly<Record<string, unknown>>;

/** The reasons that a refusal gives, by fields (`price.input`). */
export function reasonsOf(error: unknown): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>();
  if (!(error instanceof KasalError)) return reasons;
  const { errors, field, reason } = error.details;
  for (const fault of Array.isArray(errors) && errors.length ? errors : [{ field, reason }]) {
    if (typeof fault?.field === "string") reasons.set(fault.field, String(fault.reason ?? error.message));
  }
  return reasons;
}

/** Whether a form shows all of a refusal at its fields. */
export function isShownBy(error: unknown, fields: readonly string[]): boolean {
  const named = [...reasonsOf(error).keys()];
  return named.length > 0 && named.every((field) => fields.includes(field.split(".")[0] ?? ""));
}

/** Sets a field; `undefined` takes it away. */
export function withField(written: Written, name: string, value: unknown): Written {
  const next = { ...written, [name]: value };
  if (value === undefined) delete next[name];
  return next;
}
