import { ListField } from "../../forms/list-field.tsx";
import { type FieldSpec, fieldOf, type SchemaName } from "../../forms/schema.ts";
import { asText, SchemaField } from "../../forms/schema-field.tsx";
import { crewTexts } from "../../texts/crews.ts";
import { ComboBox } from "../../ui/index.ts";
import { modelOptions, modelWarning, toolFault, toolOptions, useModels, useTools } from "./catalog.ts";
import styles from "./editor.module.css";
import { useEditor } from "./editor-state.ts";
import { type Path, valueAt } from "./model.ts";
import { reasonAt } from "./problems.ts";

interface BoundProps {
  path: Path;
  spec: FieldSpec;
  label?: string;
  description?: string;
  rows?: number;
}

/** What a field at a path of the crew needs to know. */
export function useBound(path: Path) {
  const editor = useEditor();
  return {
    value: valueAt(editor.crew, path),
    error: reasonAt(editor.problems, path),
    isDisabled: editor.isReadOnly || editor.reading.fault !== undefined,
    onChange: (value: unknown) => editor.set(path, value),
  };
}

/** A field of the crew, as the API's reference declares it. */
export function Bound({ path, spec, ...texts }: BoundProps) {
  const bound = useBound(path);
  if (/(^|_)models$/.test(spec.name)) return <ModelsField path={path} spec={spec} />;
  if (/(^|_)model$/.test(spec.name)) return <ModelField path={path} spec={spec} />;
  if (spec.name === "tools" || spec.name === "approvals") return <ToolsField path={path} spec={spec} />;
  if (spec.kind === "group") {
    return (
      <fieldset className={styles.group} disabled={bound.isDisabled}>
        <legend>{texts.label ?? spec.label}</legend>
        {spec.description && <p className={styles.help}>{spec.description}</p>}
        <div className={styles.pairs}>
          {spec.fields.map((field) => (
            <Bound key={field.name} path={[...path, field.name]} spec={field} />
          ))}
        </div>
      </fieldset>
    );
  }
  return (
    <div data-path={path.join(".")}>
      <SchemaField spec={spec} {...texts} {...bound} />
    </div>
  );
}

/** A field by its name in a schema. */
export function BoundBy({
  schema,
  name,
  path,
  ...texts
}: Omit<BoundProps, "spec"> & { schema: SchemaName; name: string }) {
  return <Bound path={[...path, name]} spec={fieldOf(schema, name)} {...texts} />;
}

function ModelField({ path, spec }: BoundProps) {
  const { value, error, isDisabled, onChange } = useBound(path);
  const { data } = useModels();
  const text = asText(value);
  const options = modelOptions(data);
  const exact = options.some((option) => option.id === text);
  const found = exact ? options : options.filter((option) => option.text.toLowerCase().includes(text.toLowerCase()));
  const warning = modelWarning(data, value);
  return (
    <div data-path={path.join(".")}>
      <ComboBox
        label={spec.label}
        description={warning ? <span className={styles.warning}>{warning}</span> : spec.description}
        error={error}
        isRequired={spec.required}
        isDisabled={isDisabled}
        placeholder={crewTexts.modelPlaceholder}
        options={found.slice(0, 200)}
        inputValue={text}
        onInputChange={(next) => next !== text && onChange(next || undefined)}
        value={exact ? text : null}
        onChange={(key) => key !== null && onChange(String(key))}
        allowsCustomValue
      />
    </div>
  );
}

function ModelsField({ path, spec }: BoundProps) {
  const bound = useBound(path);
  const { data } = useModels();
  return (
    <div data-path={path.join(".")}>
      <ListField label={spec.label} description={spec.description} {...bound} options={modelOptions(data)} />
    </div>
  );
}

function ToolsField({ path, spec }: BoundProps) {
  const bound = useBound(path);
  const { data } = useTools();
  const options = toolOptions(data);
  return (
    <div data-path={path.join(".")}>
      <ListField
        label={spec.label}
        description={spec.description}
        {...bound}
        options={options}
        faultOf={(name) => toolFault(options, data, name)}
      />
    </div>
  );
}
