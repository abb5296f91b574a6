import { fieldOf, plain, type Schema, type SchemaName, schemaOf } from "../../forms/schema.ts";
import { crewTexts } from "../../texts/crews.ts";
import { Button, IconButton, icons, Menu, MenuItem, MenuTrigger, TextArea } from "../../ui/index.ts";
import { Bound, useBound } from "./bound.tsx";
import styles from "./editor.module.css";
import { useEditor } from "./editor-state.ts";
import { isEntry, type Path } from "./model.ts";

const WORDS = "words";

/** The kinds of rules that the API knows, with the schema of each. */
function ruleKinds(): Map<string, SchemaName> {
  const kinds = new Map<string, SchemaName>();
  const look = (schema: Schema) => {
    const name = schema.$ref?.split("/").at(-1);
    const kind = name ? schemaOf(name).properties?.kind?.const : undefined;
    if (name && typeof kind === "string") kinds.set(kind, name as SchemaName);
    for (const each of [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]) look(each);
  };
  look(plain(schemaOf("TaskDraft").properties?.guardrail ?? {}));
  return kinds;
}

const KINDS = ruleKinds();

/** The rules that an answer must meet, checked in their order. */
export function GuardrailField({ path }: { path: Path }) {
  const { value, isDisabled, onChange, error } = useBound(path);
  const rules = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
  const isList = Array.isArray(value);
  const add = (kind: string) => {
    const rule = kind === WORDS ? crewTexts.newRule : { kind, ...required(kind) };
    onChange(rules.length ? [...rules, rule] : rule);
  };
  const remove = (at: number) => {
    const left = rules.filter((_, place) => place !== at);
    onChange(left.length > 1 ? left : left[0]);
  };
  return (
    <fieldset className={styles.group} disabled={isDisabled} data-path={path.join(".")}>
      <legend>{crewTexts.guardrails}</legend>
      <p className={styles.help}>{fieldOf("TaskDraft", "guardrail").description}</p>
      {error && <p className={styles.bad}>{error}</p>}
      {rules.map((rule, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: in the text, a rule is its place
        <div key={at} className={styles.rule}>
          <Rule rule={rule} path={isList ? [...path, at] : path} />
          <IconButton small label={crewTexts.removeRule(at + 1)} isDisabled={isDisabled} onPress={() => remove(at)}>
            <icons.TrashIcon size={14} />
          </IconButton>
        </div>
      ))}
      <MenuTrigger>
        <Button small isDisabled={isDisabled} className={styles.add}>
          <icons.PlusIcon size={14} /> {crewTexts.addRule}
        </Button>
        <Menu onAction={(key) => add(String(key))} aria-label={crewTexts.addRule}>
          {[WORDS, ...KINDS.keys()].map((kind) => (
            <MenuItem key={kind} id={kind} textValue={kind}>
              {kind === WORDS ? crewTexts.ruleInWords : kind.replaceAll("_", " ")}
            </MenuItem>
          ))}
        </Menu>
      </MenuTrigger>
    </fieldset>
  );
}

/** What a rule cannot be without. */
function required(kind: string): Record<string, unknown> {
  const starts: Record<string, Record<string, unknown>> = {
    regex: { pattern: "." },
    length: { max: 300, unit: "words" },
    contains: { any: [crewTexts.newWord] },
    json_schema: { schema: { type: "object" } },
    max_tokens: { max: 1000 },
  };
  return starts[kind] ?? {};
}

function Rule({ rule, path }: { rule: unknown; path: Path }) {
  const editor = useEditor();
  if (typeof rule === "string" || !isEntry(rule)) {
    return (
      <TextArea
        label={crewTexts.ruleInWords}
        rows={2}
        value={typeof rule === "string" ? rule : ""}
        onChange={(text) => editor.set(path, text)}
      />
    );
  }
  const name = KINDS.get(String(rule.kind));
  const fields = Object.keys(name ? (schemaOf(name).properties ?? {}) : {}).filter((field) => field !== "kind");
  return (
    <div className={styles.fields}>
      <strong>{String(rule.kind).replaceAll("_", " ")}</strong>
      {name && <p className={styles.help}>{schemaOf(name).description}</p>}
      {name &&
        // What a rule is about comes before what the agent is told.
        [...fields.filter((field) => field !== "message"), "message"].map((field) => (
          <Bound key={field} path={[...path, field]} spec={fieldOf(name, field)} />
        ))}
    </div>
  );
}
