import { KasalError, type Schemas } from "@kasal/client";
import { useQuery } from "@tanstack/react-query";
import { keys, useKasal } from "../../api/index.ts";
import { runTexts } from "../../texts/run.ts";
import { formats, Json, Problem, SkeletonRows } from "../../ui/index.ts";
import styles from "./details.module.css";
import type { Span } from "./spans.ts";
import { useStore } from "./use-run.ts";

const texts = runTexts.details;

/** What was sent in a call and what came back, in full; what the events have of it, where more is not kept. */
export function CallDetails({ jobId, span }: { jobId: string; span: Span }) {
  const kasal = useKasal();
  const isCall = useStore().model.event(span.seq)?.type !== "tool_result";
  const call = useQuery({
    // A call that has ended never changes.
    queryKey: [...keys.calls(jobId), span.seq, span.endSeq],
    queryFn: ({ signal }) =>
      kasal.get("/executions/{job_id}/calls/{n}", { path: { job_id: jobId, n: span.seq }, signal }),
    enabled: isCall,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  if (isCall && call.isPending) return <SkeletonRows count={3} height="64px" />;
  if (call.data?.type === "llm_call") return <ModelCall call={call.data} />;
  if (call.data?.type === "tool_call") return <ToolCall call={call.data} span={span} />;
  return (
    <>
      {call.error && <Refused error={call.error} />}
      <Shown span={span} />
    </>
  );
}

function Refused({ error }: { error: unknown }) {
  if (error instanceof KasalError && error.status === 403) return <p className={styles.quiet}>{texts.noCalls}</p>;
  if (error instanceof KasalError && error.status === 404) return <p className={styles.quiet}>{error.message}</p>;
  return <Problem error={error} what={texts.unreadable} />;
}

/** What the events tell: the beginning of each text. */
function Shown({ span }: { span: Span }) {
  const { model } = useStore();
  const result = span.endSeq === null ? undefined : model.event(span.endSeq);
  return (
    <>
      <Section title={span.kind === "tool" ? texts.arguments : texts.reply} value={parsed(span.text)} />
      {span.kind === "tool" && result?.type === "tool_result" && (
        <Section title={texts.result} value={parsed(result.result)} />
      )}
    </>
  );
}

function Section({ title, value }: { title: string; value: unknown }) {
  return (
    <section className={styles.part}>
      <h3>{title}</h3>
      <Json value={value} label={title} />
    </section>
  );
}

function ToolCall({ call, span }: { call: Schemas["ToolCallDetail"]; span: Span }) {
  return (
    <>
      <Section title={texts.arguments} value={call.arguments ?? call.broken ?? span.text} />
      {call.result && (
        <Section title={call.result.failed ? texts.error : texts.result} value={parsed(call.result.content)} />
      )}
      {call.call_id && (
        <p className={styles.quiet}>
          Idempotency-Key <code>{call.call_id}</code>
        </p>
      )}
    </>
  );
}

function ModelCall({ call }: { call: Schemas["ModelCallDetail"] }) {
  const messages = call.messages ?? [];
  return (
    <>
      {call.reply?.content && <Section title={texts.reply} value={call.reply.content} />}
      {call.reply?.tool_calls.map((asked) => (
        <Section key={asked.id} title={`${texts.asked} ${asked.name}`} value={asked.arguments ?? asked.broken} />
      ))}
      {call.note && <p className={styles.quiet}>{call.note}</p>}
      {messages.length > 0 && (
        <section className={styles.part}>
          <h3>{texts.prompt}</h3>
          {call.messages_left_out > 0 && <p className={styles.quiet}>{texts.leftOut(call.messages_left_out)}</p>}
          {messages.map((message, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: messages have no ids, and never change
            <Message key={at} message={message} open={message.role !== "system" && at >= messages.length - 2} />
          ))}
        </section>
      )}
      {call.tools && call.tools.length > 0 && (
        <details className={styles.more}>
          <summary>{texts.tools(call.tools.length)}</summary>
          <Json value={call.tools} label={texts.tools(call.tools.length)} />
        </details>
      )}
      {call.settings && Object.keys(call.settings).length > 0 && (
        <Section title={texts.settings} value={call.settings} />
      )}
    </>
  );
}

function Message({ message, open }: { message: Schemas["SentMessage"]; open: boolean }) {
  const name = texts.messages[message.role] ?? message.role;
  return (
    <details className={styles.message} open={open}>
      <summary>
        {name} {message.name && <code>{message.name}</code>}
        <span className={styles.quiet}>{formats.count(message.content.length)} characters</span>
      </summary>
      {message.content && <Json value={message.content} label={name} />}
      {message.tool_calls.map((asked) => (
        <Section key={asked.id} title={`${texts.asked} ${asked.name}`} value={asked.arguments} />
      ))}
    </details>
  );
}

/** A text that is JSON, as its value: it is shown with indents. */
function parsed(text: unknown): unknown {
  if (typeof text !== "string" || !/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
