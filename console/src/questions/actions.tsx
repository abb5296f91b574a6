import { type ReactNode, useState } from "react";
import { questionTexts } from "../texts/questions.ts";
import { Button, names } from "../ui/index.ts";
import { SchemaForm } from "../ui/schema-form.tsx";
import { ArgumentEditor } from "./argument-editor.tsx";
import type { Answer, Question } from "./model.ts";
import styles from "./questions.module.css";
import { TextAnswer } from "./text-answer.tsx";
import { useToolSchema } from "./tool-schema.ts";

interface ActionsProps {
  question: Question;
  pending: boolean;
  onAnswer: (answer: Answer) => void;
}

type Mode = "first" | "edit" | "text" | "reject";

/** The ways to answer: the first step shows what can be done, and a second one asks for what that needs. */
export function Actions({ question, pending, onAnswer }: ActionsProps) {
  const [mode, setMode] = useState<Mode>("first");
  const schema = useToolSchema(question.tool_call?.tool, mode === "edit");
  const back = () => setMode("first");
  if (mode === "edit") {
    return (
      <ArgumentEditor
        key={schema ? "declared" : "inferred"}
        id={question.question_id}
        shown={question.tool_call?.arguments ?? {}}
        schema={schema}
        pending={pending}
        onBack={back}
        onApprove={(args) => onAnswer({ outcome: "approved", arguments: args })}
      />
    );
  }
  if (mode === "text") {
    const review = question.kind === "review";
    return (
      <TextAnswer
        label={review ? questionTexts.changesLabel : questionTexts.outcomeLabel}
        submit={questionTexts.send}
        pending={pending}
        onBack={back}
        onSubmit={(input) => onAnswer({ outcome: "answered", input })}
      />
    );
  }
  if (mode === "reject") return <Rejection question={question} pending={pending} onAnswer={onAnswer} onBack={back} />;
  return <First question={question} pending={pending} onAnswer={onAnswer} onMode={setMode} />;
}

function First({ question, pending, onAnswer, onMode }: ActionsProps & { onMode: (mode: Mode) => void }) {
  const reject = (
    <Button data-answer="reject" onPress={() => onMode("reject")}>
      {questionTexts.reject}
    </Button>
  );
  if (question.kind === "question") {
    return <Wanted question={question} pending={pending} onAnswer={onAnswer} beside={reject} />;
  }
  const unknown = question.kind === "unknown_outcome";
  return (
    <div className={styles.actions}>
      <Button
        kind={unknown ? "plain" : "primary"}
        data-answer="approve"
        isPending={pending}
        onPress={() => onAnswer({ outcome: unknown ? "retry" : "approved" })}
      >
        {unknown ? questionTexts.retry : questionTexts.approve}
      </Button>
      {question.kind === "approval" ? (
        <Button data-answer="edit" onPress={() => onMode("edit")}>
          {questionTexts.edit}
        </Button>
      ) : (
        <Button data-answer="edit" onPress={() => onMode("text")}>
          {unknown ? questionTexts.outcome : questionTexts.changes}
        </Button>
      )}
      {reject}
    </div>
  );
}

function Rejection({ question, pending, onAnswer, onBack }: ActionsProps & { onBack: () => void }) {
  const ends = question.kind === "review" || question.kind === "unknown_outcome";
  return (
    <TextAnswer
      optional
      danger
      label={questionTexts.comment}
      description={ends ? questionTexts.commentKept : questionTexts.commentForAgent}
      submit={
        ends ? questionTexts.rejectEnds : question.kind === "approval" ? questionTexts.rejectCall : questionTexts.reject
      }
      pending={pending}
      onBack={onBack}
      onSubmit={(comment) => onAnswer({ outcome: "rejected", comment: comment || null })}
    />
  );
}

/** What the question asks for: one of its choices, a value that meets its schema, or a text. */
function Wanted({ question, pending, onAnswer, beside }: ActionsProps & { beside: ReactNode }) {
  const [value, setValue] = useState<unknown>(undefined);
  const send = (input: unknown) => onAnswer({ outcome: "answered", input });
  if (question.choices?.length) {
    return (
      <fieldset className={names(styles.actions, styles.choices)}>
        <legend className="visually-hidden">{questionTexts.chooseLabel}</legend>
        {question.choices.map((choice) => (
          <Button key={choice} isDisabled={pending} onPress={() => send(choice)}>
            {choice}
          </Button>
        ))}
        {beside}
      </fieldset>
    );
  }
  if (question.response_schema) {
    return (
      <SchemaForm
        idPrefix={question.question_id}
        schema={question.response_schema}
        value={value}
        onChange={setValue}
        onSubmit={send}
      >
        <div className={styles.actions}>
          <Button type="submit" kind="primary" isPending={pending}>
            {questionTexts.send}
          </Button>
          {beside}
        </div>
      </SchemaForm>
    );
  }
  return (
    <TextAnswer
      label={questionTexts.answerLabel}
      submit={questionTexts.send}
      pending={pending}
      onSubmit={send}
      beside={beside}
    />
  );
}
