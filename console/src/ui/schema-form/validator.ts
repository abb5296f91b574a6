import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema";
import {
  type CustomValidator,
  createErrorHandler,
  type ErrorTransformer,
  type RJSFSchema,
  type RJSFValidationError,
  toErrorSchema,
  type UiSchema,
  unwrapErrorHandler,
  type ValidatorType,
  validationDataMerge,
} from "@rjsf/utils";
import { withoutPatterns } from "./schemas.ts";

/** Keywords that say only that something below them is wrong. */
const PARENTS = new Set([
  "properties",
  "items",
  "prefixItems",
  "allOf",
  "additionalProperties",
  "$ref",
  "if",
  "then",
  "else",
]);

/** Returns what is wrong with a value: the places as dotted paths, and why. It compiles no code, so no `eval`. */
export function complaints(schema: Record<string, unknown>, value: unknown): RJSFValidationError[] {
  const result = new Validator(withoutPatterns(schema) as Schema, "2020-12", false).validate(value);
  return result.valid ? [] : result.errors.filter((unit) => !PARENTS.has(unit.keyword)).map(complaintOf);
}

function complaintOf({ keyword, keywordLocation, instanceLocation, error }: OutputUnit): RJSFValidationError {
  const path = instanceLocation.replace(/^#/, "").split("/").slice(1).map(unescaped);
  const missing = keyword === "required" ? /"([^"]*)"/.exec(error)?.[1] : undefined;
  const property = [...path, ...(missing === undefined ? [] : [missing])].map((part) => `.${part}`).join("");
  const message = missing === undefined ? error : "This is needed.";
  return { name: keyword, property, message, stack: `${property} ${message}`, schemaPath: keywordLocation };
}

function unescaped(part: string): string {
  return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
}

class PlainValidator implements ValidatorType {
  validateFormData(
    formData: unknown,
    schema: RJSFSchema,
    customValidate?: CustomValidator,
    transformErrors?: ErrorTransformer,
    uiSchema?: UiSchema,
  ) {
    const raw = complaints(schema, formData);
    const errors = transformErrors ? transformErrors(raw, uiSchema) : raw;
    const data = { errors, errorSchema: toErrorSchema(errors) };
    if (!customValidate) return data;
    const handler = customValidate(formData, createErrorHandler(formData), uiSchema);
    return validationDataMerge(data, unwrapErrorHandler(handler));
  }

  isValid(schema: RJSFSchema, formData: unknown, rootSchema: RJSFSchema): boolean {
    const { definitions, $defs } = rootSchema;
    const whole = { ...(definitions && { definitions }), ...($defs && { $defs }), ...schema };
    return new Validator(withoutPatterns(whole) as Schema, "2020-12").validate(formData).valid;
  }

  rawValidation<Result = unknown>(schema: RJSFSchema, formData?: unknown) {
    return { errors: complaints(schema, formData) as Result[] };
  }
}

export const validator: ValidatorType = new PlainValidator();
