import Form from "@rjsf/core/lib/components/Form.js";
import type { RJSFSchema, UiSchema } from "@rjsf/utils";
import type { ReactNode } from "react";
import { buttonTemplates } from "./buttons.tsx";
import styles from "./form.module.css";
import { validator } from "./validator.ts";

export interface SchemaFormProps {
  schema: Record<string, unknown>;
  value: unknown;
  onChange: (value: unknown) => void;
  /** With the value that meets the schema. */
  onSubmit?: (value: unknown) => void;
  /** Keeps ids apart where a page has several forms. */
  idPrefix?: string;
  disabled?: boolean;
  uiSchema?: UiSchema;
  /** The buttons; one of `type="submit"` submits. Without a form's own tag, the page's form submits. */
  children?: ReactNode;
  /** Inside of another form. */
  nested?: boolean;
}

const UI: UiSchema = { "ui:submitButtonOptions": { norender: true } };

export default function SchemaForm({
  schema,
  value,
  onChange,
  onSubmit,
  nested,
  uiSchema,
  children,
  ...props
}: SchemaFormProps) {
  return (
    <Form
      {...props}
      {...(nested ? { tagName: "div" as never } : {})}
      className={styles.form}
      schema={schema as RJSFSchema}
      uiSchema={{ ...UI, ...uiSchema }}
      formData={value}
      validator={validator}
      templates={{ ButtonTemplates: buttonTemplates }}
      showErrorList={false}
      noHtml5Validate
      focusOnFirstError
      onChange={(change) => onChange(change.formData)}
      onSubmit={(done) => onSubmit?.(done.formData)}
    >
      {children ?? <span />}
    </Form>
  );
}
