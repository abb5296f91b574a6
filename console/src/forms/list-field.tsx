import { type ReactNode, useState } from "react";
import { Button as AriaButton, Tag, TagGroup, TagList } from "react-aria-components";
import { fieldTexts } from "../texts/fields.ts";
import { ComboBox, Field, icons, type Option } from "../ui/index.ts";
import styles from "./list-field.module.css";

export interface ListFieldProps {
  label: string;
  description?: ReactNode;
  error?: string | undefined;
  isDisabled?: boolean;
  isRequired?: boolean;
  value: unknown;
  onChange: (value: unknown) => void;
  placeholder?: string | undefined;
  /** What can be picked. Other texts may be written unless `only` is set. */
  options?: readonly Option[];
  only?: boolean;
  /** Marks an entry that will not work. */
  faultOf?: (entry: string) => string | undefined;
}

/** A list of texts: what is in it as tags that Backspace removes, and a field that adds one by Enter. */
export function ListField(props: ListFieldProps) {
  const { label, value, onChange, options, faultOf } = props;
  const entries = Array.isArray(value) ? value.map(textOf) : [];
  const set = (next: unknown[]) => onChange(next.length ? next : undefined);
  const add = (entry: string) => {
    if (entry && !entries.includes(entry)) set([...(Array.isArray(value) ? value : []), entry]);
  };
  const texts = new Map(options?.map((option) => [option.id, option.text]));
  return (
    <div className={styles.list}>
      {entries.length > 0 && (
        <TagGroup
          aria-label={`${label}: ${fieldTexts.chosen}`}
          onRemove={(keys) => set((value as unknown[]).filter((_, at) => !keys.has(String(at))))}
        >
          <TagList className={styles.tags}>
            {entries.map((entry, at) => {
              const fault = faultOf?.(entry);
              return (
                <Tag
                  // biome-ignore lint/suspicious/noArrayIndexKey: entries may be the same, and have no other identity
                  key={at}
                  id={String(at)}
                  textValue={entry}
                  className={fault ? `${styles.tag} ${styles.bad}` : styles.tag}
                >
                  <span title={fault}>{texts.get(entry) ?? entry}</span>
                  {!props.isDisabled && (
                    <AriaButton slot="remove" className={styles.remove} aria-label={fieldTexts.removeEntry(entry)}>
                      <icons.CloseIcon size={10} />
                    </AriaButton>
                  )}
                </Tag>
              );
            })}
          </TagList>
        </TagGroup>
      )}
      {options ? <Picker {...props} entries={entries} add={add} /> : <Adder {...props} add={add} />}
    </div>
  );
}

type Adding = ListFieldProps & { add: (entry: string) => void };

function Adder({ label, description, error, isDisabled, placeholder, add }: Adding) {
  const [text, setText] = useState("");
  const take = () => {
    add(text.trim());
    setText("");
  };
  return (
    <Field
      label={label}
      description={description}
      error={error}
      isDisabled={isDisabled ?? false}
      placeholder={placeholder ?? fieldTexts.addEntry}
      value={text}
      onChange={setText}
      onBlur={take}
      onKeyDown={(event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        take();
      }}
    />
  );
}

function Picker({
  label,
  description,
  error,
  isDisabled,
  options = [],
  entries,
  only,
  add,
}: Adding & { entries: string[] }) {
  const [text, setText] = useState("");
  const left = options.filter((option) => !entries.includes(option.id));
  const found = left.filter((option) => option.text.toLowerCase().includes(text.trim().toLowerCase()));
  const take = (entry: string) => {
    add(entry);
    setText("");
  };
  return (
    <ComboBox
      label={label}
      description={description}
      error={error}
      isDisabled={isDisabled ?? false}
      placeholder={only ? fieldTexts.pick : fieldTexts.pickOrWrite}
      options={found}
      inputValue={text}
      onInputChange={setText}
      value={null}
      onChange={(key) => key !== null && take(String(key))}
      allowsCustomValue={!only}
      allowsEmptyCollection={false}
      onBlur={() => (only ? setText("") : take(text.trim()))}
      onKeyDown={(event) => {
        if (event.key === "Enter" && !only && text.trim() && !found.length) {
          event.preventDefault();
          take(text.trim());
        }
      }}
    />
  );
}

function textOf(entry: unknown): string {
  if (typeof entry === "string") return entry;
  const literal = typeof entry === "object" && entry !== null && "text" in entry ? entry.text : undefined;
  return typeof literal === "string" ? literal : JSON.stringify(entry);
}
