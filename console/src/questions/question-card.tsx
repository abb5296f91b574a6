import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useId } from "react";
import { keys, useKasal, useMay } from "../api/index.ts";
import { questionTexts } from "../texts/questions.ts";
import { Badge, formats, Json, Moment, Problem, useNow } from "../ui/index.ts";
import { Actions } from "./actions.tsx";
import { type Answer, afterExpiry, hasExpired, isCut, type Question, type Verdict, verdictOf } from "./model.ts";
import styles from "./questions.module.css";
import { useAnswer } from "./use-answer.ts";

export interface QuestionCardProps {
  jobId: string;
  question: Question;
  /** What stands at the end of the first line, such as a link to the run. */
  beside?: ReactNode;
  /** It is not open any more: the platform has an answer, or its run has ended. */
  closed?: boolean;
  onAnswered?: (answer: Answer) => void;
}

/** A question to a person: what is asked, until when, and every way to answer it. */
export function QuestionCard({ jobId, question: given, beside, closed, onAnswered }: QuestionCardProps) {
  const whole = useWhole(jobId, given);
  const { question } = whole;
  const answer = useAnswer(jobId, given, onAnswered);
  const heading = useId();
  const may = useMay(given.answered_by ?? "editor");
  const now = useNow(1000, !!given.expires_at);
  const verdict = verdictOf(answer.error) ?? ((closed || whole.isGone) && !answer.isSuccess ? "gone" : undefined);
  return (
    <article className={styles.card} aria-labelledby={heading}>
      <header className={styles.head}>
        <Badge tone={given.kind === "unknown_outcome" ? "bad" : "warn"}>
          {questionTexts.kinds[given.kind] ?? given.kind}
        </Badge>
        <h3 id={heading}>{titleOf(given)}</h3>
        <span className={styles.when}>
          <Moment at={given.asked_at} />
          {given.expires_at && <Countdown at={given.expires_at} now={now} />}
          {beside}
        </span>
      </header>
      {question && <Body question={question} />}
      {!question && !whole.error && !verdict && <p className={styles.quiet}>{questionTexts.loadingWhole}</p>}
      {whole.error && <Problem error={whole.error} what={questionTexts.notWhole} onRetry={() => whole.retry()} />}
      {given.expires_at && <p className={styles.quiet}>{afterExpiry(given.on_expiry)}</p>}
      {verdict && <Other verdict={verdict} />}
      {answer.error && !verdict && <Problem error={answer.error} what={questionTexts.failed} />}
      {answer.isSuccess && (
        <p className={styles.done} role="status">
          {questionTexts.done[answer.variables.outcome ?? "answered"]}
        </p>
      )}
      {question && !answer.isSuccess && !verdict && (
        <Footer may={may} role={given.answered_by ?? "editor"} expired={hasExpired(given, now)}>
          <Actions question={question} pending={answer.isPending} onAnswer={(said) => answer.mutate(said)} />
        </Footer>
      )}
    </article>
  );
}

function titleOf(question: Question): ReactNode {
  const agent = question.agent || questionTexts.someone;
  const tool = question.tool_call?.tool;
  if (question.kind === "approval" && tool) {
    const [who, wants, what] = questionTexts.wantsToCall(agent, tool);
    return (
      <>
        {who}
        {wants}
        <code>{what}</code>
      </>
    );
  }
  if (question.kind === "review") return questionTexts.asksReview(agent);
  if (question.kind === "unknown_outcome" && tool) return questionTexts.lost(tool);
  return questionTexts.asks(agent);
}

function Body({ question }: { question: Question }) {
  if (question.kind === "approval" && question.tool_call)
    return <Arguments args={question.tool_call.arguments ?? {}} />;
  const shown = question.kind === "review" && question.answer !== null && question.answer !== undefined;
  return (
    <>
      {shown && <Json value={question.answer} label={questionTexts.kinds.review!} />}
      {shown ? (
        <details className={styles.details}>
          <summary>{questionTexts.fullPrompt}</summary>
          <p className={styles.prompt}>{question.prompt}</p>
        </details>
      ) : (
        <p className={styles.prompt}>{question.prompt}</p>
      )}
      {question.kind !== "approval" && question.tool_call?.arguments && (
        <Arguments args={question.tool_call.arguments} />
      )}
    </>
  );
}

function Arguments({ args }: { args: Record<string, unknown> }) {
  const entries = Object.entries(args);
  if (!entries.length) return <p className={styles.quiet}>{questionTexts.noArguments}</p>;
  return (
    <dl className={styles.args}>
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {typeof value === "object" && value !== null ? (
              <Json value={value} label={name} />
            ) : (
              <pre>{String(value)}</pre>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Footer({
  may,
  role,
  expired,
  children,
}: {
  may: boolean;
  role: string;
  expired: boolean;
  children: ReactNode;
}) {
  if (expired) return <p className={styles.quiet}>{questionTexts.expired}</p>;
  if (!may) return <p className={styles.quiet}>{questionTexts.mayNot(role)}</p>;
  return children;
}

function Countdown({ at, now }: { at: string; now: number }) {
  const left = Date.parse(at) - now;
  if (left <= 0) return null;
  const text =
    left < 3_600_000
      ? `in ${formats.duration(Math.ceil(left / 1000) * 1000).replace(/\.0 s$/, " s")}`
      : formats.relative(at, now);
  return (
    <time dateTime={at} title={formats.exact(at)} className={left < 300_000 ? styles.soon : undefined}>
      {questionTexts.expires(text)}
    </time>
  );
}

function Other({ verdict }: { verdict: Verdict | "gone" }) {
  if (verdict === "gone") return <p role="alert">{questionTexts.gone}</p>;
  return (
    <div role="alert" className={styles.other}>
      <p>{questionTexts.conflict}</p>
      <p>
        <strong>{questionTexts.said(questionTexts.done[verdict.outcome] ?? verdict.outcome, verdict.by)}</strong>
        {verdict.comment && ` “${verdict.comment}”`}
      </p>
      {verdict.input !== undefined && verdict.input !== null && <Json value={verdict.input} />}
    </div>
  );
}

/** The question in full: lists cut long ones, and nobody should decide on a part. It never changes, so it is read once. */
function useWhole(jobId: string, question: Question) {
  const kasal = useKasal();
  const cut = isCut(question);
  const whole = useQuery({
    queryKey: keys.question(jobId, question.question_id),
    queryFn: async ({ signal }) => {
      const job = await kasal.get("/executions/{job_id}", { path: { job_id: jobId }, signal });
      return job.questions.find((each) => each.question_id === question.question_id) ?? null;
    },
    enabled: cut,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!cut) return { question };
  return { question: whole.data ?? undefined, isGone: whole.data === null, error: whole.error, retry: whole.refetch };
}
