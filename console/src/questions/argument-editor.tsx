import { useState } from "react";
import { questionTexts } from "../texts/questions.ts";
import { Button, Tabs, TextArea } from "../ui/index.ts";
import { inferredSchema, isPlain } from "../ui/schema-form/schemas.ts";
import { SchemaForm } from "../ui/schema-form.tsx";
import { Diff } from "./diff.tsx";
import { argumentsOf, canonicalText } from "./model.ts";
import styles from "./questions.module.css";

export interface ArgumentEditorProps {
  id: string;
  shown: Record<string, unknown>;
  /** The tool's own schema, where it is known. */
  schema?: Record<string, unknown> | undefined;
  pending: boolean;
  onApprove: (args: Record<string, unknown>) => void;
  onBack: () => void;
}

/** Edits the arguments of a call, by a form or as JSON, with what is changed beside it. */
export function ArgumentEditor({ id, shown, schema, pending, onApprove, onBack }: ArgumentEditorProps) {
  const [text, setText] = useState(() => canonicalText(shown));
  const [view, setView] = useState(schema || isPlain(shown) ? "form" : "json");
  const read = argumentsOf(text);
  const before = canonicalText(shown);
  const after = "value" in read ? canonicalText(read.value) : before;
  const form = (
    <SchemaForm
      nested
      idPrefix={id}
      schema={schema ?? inferredSchema(shown)}
      value={"value" in read ? read.value : shown}
      onChange={(value) => setText(canonicalText(value))}
    />
  );
  const json = (
    <TextArea
      label={questionTexts.argumentsLabel}
      mono
      rows={Math.min(16, text.split("\n").length + 1)}
      value={text}
      onChange={setText}
      error={"error" in read ? read.error : undefined}
    />
  );
  return (
    <div className={styles.stack}>
      <Tabs
        label={questionTexts.editAs}
        selected={view}
        onSelect={setView}
        items={[
          { id: "form", title: questionTexts.form, content: form },
          { id: "json", title: questionTexts.json, content: json },
        ]}
      />
      {before === after ? (
        <p className={styles.quiet}>{questionTexts.unchanged}</p>
      ) : (
        <Diff before={before} after={after} label={questionTexts.difference} />
      )}
      <div className={styles.actions}>
        <Button
          kind="primary"
          isPending={pending}
          isDisabled={"error" in read}
          onPress={() => "value" in read && onApprove(read.value)}
        >
          {before === after ? questionTexts.approve : questionTexts.approveEdited}
        </Button>
        <Button onPress={onBack}>{questionTexts.back}</Button>
      </div>
    </div>
  );
}
