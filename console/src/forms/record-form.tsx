import type { ReactNode } from "react";
import { fieldTexts } from "../texts/fields.ts";
import { Button, DialogActions, Problem } from "../ui/index.ts";
import { isShownBy, type Written } from "./record.ts";
import styles from "./record-fields.module.css";
import { RecordFields } from "./record-fields.tsx";
import { fieldsOf, type SchemaName } from "./schema.ts";

interface RecordFormProps {
  schema: SchemaName;
  /** The fields that everybody needs, in this order. */
  first: readonly string[];
  /** Fields that are left out; all others stand under "More". */
  without?: readonly string[];
  value: Written;
  onChange: (value: Written) => void;
  onSubmit: () => void;
  submit: string;
  isPending: boolean;
  error: unknown;
  /** What failed: "The server was not registered." */
  failed: string;
  children?: ReactNode;
  isReadOnly?: boolean;
}

/** A form of a request's body: its refusals stand at the fields that they are about. */
export function RecordForm(props: RecordFormProps) {
  const { schema, first, without = [], value, onChange, error } = props;
  const rest = fieldsOf(schema)
    .map((spec) => spec.name)
    .filter((name) => !first.includes(name) && !without.includes(name));
  const fields = { schema, value, onChange, error };
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        props.onSubmit();
      }}
    >
      <RecordFields {...fields} names={first} />
      {props.children}
      {rest.length > 0 && (
        <details className={styles.more}>
          <summary>{fieldTexts.more}</summary>
          <div className={styles.form}>
            <RecordFields {...fields} names={rest} />
          </div>
        </details>
      )}
      {error !== null && error !== undefined && !isShownBy(error, [...first, ...rest]) && (
        <Problem what={props.failed} error={error} />
      )}
      <DialogActions>
        <Button type="submit" kind="primary" isPending={props.isPending} isDisabled={props.isReadOnly ?? false}>
          {props.submit}
        </Button>
      </DialogActions>
    </form>
  );
}
