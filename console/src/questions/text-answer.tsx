import { type FormEvent, type ReactNode, useState } from "react";
import { questionTexts } from "../texts/questions.ts";
import { Button, TextArea } from "../ui/index.ts";
import styles from "./questions.module.css";

export interface TextAnswerProps {
  label: string;
  description?: string;
  submit: string;
  danger?: boolean;
  optional?: boolean;
  pending: boolean;
  onSubmit: (text: string) => void;
  onBack?: () => void;
  /** Another way to answer, beside the button. */
  beside?: ReactNode;
}

/** A text and the button that sends it; Ctrl+Enter sends it, too. */
export function TextAnswer({
  label,
  description,
  submit,
  danger,
  optional,
  pending,
  onSubmit,
  onBack,
  beside,
}: TextAnswerProps) {
  const [text, setText] = useState("");
  const [error, setError] = useState<string>();

  function send(event?: FormEvent) {
    event?.preventDefault();
    if (pending) return;
    if (!optional && !text.trim()) return setError(questionTexts.needed);
    onSubmit(text.trim());
  }

  return (
    <form className={styles.stack} onSubmit={send}>
      <TextArea
        label={label}
        description={description}
        value={text}
        onChange={(value) => {
          setText(value);
          setError(undefined);
        }}
        error={error}
        maxLength={optional ? 4000 : 100_000}
        autoFocus={!!onBack}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
        }}
      />
      <div className={styles.actions}>
        <Button type="submit" kind={danger ? "danger" : "primary"} isPending={pending}>
          {submit}
        </Button>
        {onBack && <Button onPress={onBack}>{questionTexts.back}</Button>}
        {beside}
      </div>
    </form>
  );
}
