import type { ReactNode } from "react";
import {
  TextArea as AriaTextArea,
  TextField as AriaTextField,
  FieldError,
  Input,
  Label,
  Text,
  type TextFieldProps,
} from "react-aria-components";
import { names } from "./class-names.ts";
import styles from "./field.module.css";

export interface FieldProps extends Omit<TextFieldProps, "className" | "style" | "children"> {
  label: string;
  /** Keeps the label for readers alone. */
  hideLabel?: boolean;
  description?: ReactNode;
  /** What is wrong with the value; it marks the field as invalid. */
  error?: string | null | undefined;
  placeholder?: string;
  mono?: boolean;
}

/** A line of text with its label, a description and what is wrong with it. */
export function Field({ label, hideLabel, description, error, placeholder, mono, ...props }: FieldProps) {
  return (
    <AriaTextField {...props} isInvalid={props.isInvalid ?? !!error} className={styles.field}>
      <Label className={hideLabel ? "visually-hidden" : styles.label}>{label}</Label>
      <Input className={names(styles.input, mono && styles.mono)} placeholder={placeholder} />
      <Notes description={description} error={error} />
    </AriaTextField>
  );
}

export interface TextAreaProps extends FieldProps {
  rows?: number;
}

/** Several lines of text. */
export function TextArea({
  label,
  hideLabel,
  description,
  error,
  placeholder,
  mono,
  rows = 3,
  ...props
}: TextAreaProps) {
  return (
    <AriaTextField {...props} isInvalid={props.isInvalid ?? !!error} className={styles.field}>
      <Label className={hideLabel ? "visually-hidden" : styles.label}>{label}</Label>
      <AriaTextArea
        className={names(styles.input, styles.area, mono && styles.mono)}
        placeholder={placeholder}
        rows={rows}
      />
      <Notes description={description} error={error} />
    </AriaTextField>
  );
}

/** What stands below a field. */
export function Notes({ description, error }: { description?: ReactNode; error?: string | null | undefined }) {
  return (
    <>
      {description && (
        <Text slot="description" className={styles.description}>
          {description}
        </Text>
      )}
      <FieldError className={styles.error}>{error || undefined}</FieldError>
    </>
  );
}
