import { memo } from "react";
import { runTexts } from "../../texts/run.ts";
import { Duration, formats, icons, names, useNow } from "../../ui/index.ts";
import styles from "./line.module.css";
import type { Note } from "./model.ts";
import type { Row } from "./rows.ts";
import type { Lane, Span } from "./spans.ts";
import { useModel } from "./use-run.ts";

/** What a line of the compact view says. Its height never changes, whatever it says. */
export function Line({ row, name }: { row: Row; name: string }) {
  switch (row.kind) {
    case "note":
      return <NoteLine note={row.note} />;
    case "lane":
      return <LaneLine lane={row.lane} name={name} />;
    case "live":
      return <LiveLine lane={row.lane} />;
    case "span":
      return <SpanLine span={row.span} end={row.span.end} status={row.span.status} />;
  }
}

const SpanLine = memo(function SpanLine({ span }: { span: Span; end: number | null; status: string }) {
  return (
    <>
      <Mark kind={span.kind} status={span.status} />
      <span className={styles.name}>{nameOf(span)}</span>
      <span className={styles.text}>{span.text}</span>
      <span className={styles.figures}>
        {span.status !== "done" && <em className={styles[span.status]}>{runTexts.statuses[span.status]}</em>}
        {span.kind === "model" && (
          <span
            className={styles.minor}
            title={runTexts.facts.tokensOf(formats.count(span.inputTokens), formats.count(span.outputTokens))}
          >
            {formats.tokens(span.inputTokens + span.outputTokens)} tok
          </span>
        )}
        {span.cost !== null && <span className={styles.minor}>{formats.money(span.cost)}</span>}
        <span className={styles.time}>{span.kind === "check" ? "" : <Took since={span.start} until={span.end} />}</span>
      </span>
    </>
  );
});

export function nameOf(span: Span): string {
  if (span.kind === "question") return runTexts.questionKinds[span.name] ?? span.name;
  if (span.kind === "check") return runTexts.checkOf(span.name);
  return span.name;
}

function LaneLine({ lane, name }: { lane: Lane; name: string }) {
  return (
    <>
      <Mark kind="lane" status={lane.status} />
      <span className={styles.task}>{name}</span>
      <span className={styles.text}>{lane.reason || (name === lane.title ? lane.agent : lane.title)}</span>
      <span className={styles.figures}>
        {lane.status !== "done" && lane.status !== "running" && (
          <em className={styles[lane.status]}>{runTexts.statuses[lane.status]}</em>
        )}
        {lane.items.length > 0 && <span className={styles.minor}>{runTexts.working(lane.items.length)}</span>}
        {lane.inputTokens + lane.outputTokens > 0 && (
          <span className={styles.minor}>{formats.tokens(lane.inputTokens + lane.outputTokens)} tok</span>
        )}
        {lane.cost !== null && <span className={styles.minor}>{formats.money(lane.cost)}</span>}
        <span className={styles.time}>
          {lane.start !== null && lane.status !== "skipped" && <Took since={lane.start} until={lane.end} />}
        </span>
      </span>
    </>
  );
}

/** What a model writes, while it writes. */
function LiveLine({ lane }: { lane: Lane }) {
  const text = useModel((model) => model.texts.of(lane.id).at(-1)?.text ?? "");
  return (
    <>
      <Mark kind="model" status="running" />
      <span className={styles.name}>{text ? lane.agent : runTexts.thinking}</span>
      <span className={styles.tail}>
        <span>{text.slice(-400)}</span>
      </span>
      <span className={styles.figures}>
        <span className={styles.time}>
          <Took since={lane.idleSince} until={null} />
        </span>
      </span>
    </>
  );
}

function NoteLine({ note }: { note: Note }) {
  return (
    <>
      <Mark kind="note" status={note.type} />
      <span className={styles.note}>{noteText(note)}</span>
      <span className={styles.text}>
        {note.type === "execution_resumed" || note.type === "execution_forked" ? "" : note.text}
      </span>
      <span className={styles.figures}>
        {note.code && <code className={styles.minor}>{note.code}</code>}
        <span className={styles.time} />
      </span>
    </>
  );
}

export function noteText(note: Note): string {
  const texts = runTexts.notes;
  if (note.type === "execution_resumed") return texts.resumed[note.text]?.(note.attempt) ?? note.text;
  if (note.type === "execution_forked") return texts.execution_forked(note.text);
  const text = texts[note.type as keyof typeof texts];
  return typeof text === "string" ? text : note.type;
}

/** How long something took, or takes so far: only this text is drawn anew while it counts. */
export function Took({ since, until }: { since: number; until: number | null }) {
  const now = useNow(1000, until === null);
  if (until !== null) return <Duration ms={until - since} />;
  return <>{formats.duration(Math.floor(Math.max(0, now - since) / 1000) * 1000).replace(/\.0 s$/, " s")}</>;
}

const ICONS = {
  model: icons.ModelsIcon,
  tool: icons.ToolsIcon,
  question: icons.QuestionIcon,
  check: icons.WarningIcon,
  note: icons.WarningIcon,
};

export function Mark({ kind, status }: { kind: keyof typeof ICONS | "lane"; status: string }) {
  const known = runTexts.statuses[status as keyof typeof runTexts.statuses];
  const label = known ? <span className="visually-hidden">{known}</span> : null;
  if (kind === "lane") {
    return (
      <span className={names(styles.mark, styles[status])}>
        <span className={names(styles.dot, styles[`dot_${status}`])} />
        {label}
      </span>
    );
  }
  const Icon = status === "execution_complete" ? icons.CheckIcon : ICONS[kind];
  return (
    <span className={names(styles.mark, styles[kind], styles[status])}>
      <Icon size={14} />
      {label}
    </span>
  );
}
