import { reasonsOf, type Written, withField } from "./record.ts";
import styles from "./record-fields.module.css";
import { type FieldSpec, fieldsOf, type SchemaName } from "./schema.ts";
import { SchemaField } from "./schema-field.tsx";

interface RecordFieldsProps {
  schema: SchemaName;
  /** The fields to show, in this order. */
  names: readonly string[];
  value: Written;
  onChange: (value: Written) => void;
  error?: unknown;
}

/** Fields of a request's body, as the API's reference declares them. */
export function RecordFields({ schema, names, value, onChange, error }: RecordFieldsProps) {
  const reasons = reasonsOf(error);
  const specs = names.map((name) => fieldsOf(schema).find((spec) => spec.name === name)).filter((spec) => !!spec);
  return specs.map((spec) =>
    spec.kind === "group" ? (
      <Group
        key={spec.name}
        spec={spec}
        reasons={reasons}
        value={value[spec.name]}
        onChange={(next) => onChange(withField(value, spec.name, next))}
      />
    ) : (
      <SchemaField
        key={spec.name}
        spec={spec}
        value={value[spec.name]}
        error={reasonAt(reasons, spec.name)}
        onChange={(next) => onChange(withField(value, spec.name, next))}
      />
    ),
  );
}

interface GroupProps {
  spec: FieldSpec;
  reasons: ReadonlyMap<string, string>;
  value: unknown;
  onChange: (value: unknown) => void;
}

function Group({ spec, reasons, value, onChange }: GroupProps) {
  const held: Written = typeof value === "object" && value !== null ? (value as Written) : {};
  return (
    <fieldset className={styles.group}>
      <legend>{spec.label}</legend>
      {spec.description && <p>{spec.description}</p>}
      <div className={styles.pairs}>
        {spec.fields.map((field) => (
          <SchemaField
            key={field.name}
            spec={field}
            value={held[field.name]}
            error={reasons.get(`${spec.name}.${field.name}`)}
            onChange={(next) => {
              const whole = withField(held, field.name, next);
              onChange(Object.keys(whole).length ? whole : undefined);
            }}
          />
        ))}
      </div>
    </fieldset>
  );
}

function reasonAt(reasons: ReadonlyMap<string, string>, name: string): string | undefined {
  return reasons.get(name) ?? [...reasons].find(([field]) => field.startsWith(`${name}.`))?.[1];
}
