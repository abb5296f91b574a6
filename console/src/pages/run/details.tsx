import type { Schemas, TraceEvent } from "@kasal/client";
import { type ReactNode, useEffect, useRef } from "react";
import { Diff, type Question, QuestionCard } from "../../questions/index.ts";
import { runAdvice, runTexts } from "../../texts/run.ts";
import { Badge, Copy, formats, IconButton, icons, Json } from "../../ui/index.ts";
import { CallDetails } from "./call-details.tsx";
import { laneName } from "./compact.tsx";
import styles from "./details.module.css";
import { Mark, nameOf, noteText, Took } from "./line.tsx";
import type { RunModel } from "./model.ts";
import type { EventOf, Lane, Span } from "./spans.ts";
import { useModel, useStore } from "./use-run.ts";

export interface DetailsProps {
  jobId: string;
  seq: number;
  names: ReadonlyMap<string, string>;
  onSelect: (seq: number | null) => void;
  /** What can be done from here. */
  actions?: ReactNode;
}

const texts = runTexts.details;

/** Everything about one event, and the call, question or task that it belongs to. */
export function Details({ jobId, seq, names, onSelect, actions }: DetailsProps) {
  const { model } = useStore();
  const last = useModel((changed) => changed.lastSeq);
  // The end of what is shown changes it: its status, its duration.
  useModel((changed) => changed.spanAt(seq)?.endSeq ?? changed.laneAt(seq)?.endSeq ?? null);
  const heading = useRef<HTMLHeadingElement>(null);
  const event = model.event(seq);
  const title = event ? titleOf(model, event, names) : String(seq);
  return (
    <aside className={styles.panel} aria-label={texts.label}>
      <header className={styles.head}>
        {event && <HeadMark model={model} event={event} />}
        <h2 ref={heading}>{title}</h2>
        <IconButton small label={texts.previous} isDisabled={seq <= 1} onPress={() => onSelect(seq - 1)}>
          <icons.ChevronIcon size={14} />
        </IconButton>
        <IconButton small label={texts.next} isDisabled={seq >= last} onPress={() => onSelect(seq + 1)}>
          <icons.ChevronIcon size={14} />
        </IconButton>
        <Copy text={location.href} label={texts.link} />
        <IconButton small label={texts.close} onPress={() => onSelect(null)}>
          <icons.CloseIcon size={14} />
        </IconButton>
      </header>
      <div className={styles.content} key={seq}>
        {event ? (
          <EventDetails jobId={jobId} event={event} names={names} onSelect={onSelect} actions={actions} />
        ) : (
          last > 0 && <p className={styles.quiet}>{texts.gone(seq)}</p>
        )}
      </div>
    </aside>
  );
}

function HeadMark({ model, event }: { model: RunModel; event: TraceEvent }) {
  const span = model.spanAt(event.seq);
  if (span) return <Mark kind={span.kind} status={span.status} />;
  const lane = model.laneAt(event.seq);
  return lane ? <Mark kind="lane" status={lane.status} /> : <Mark kind="note" status={event.type} />;
}

function titleOf(model: RunModel, event: TraceEvent, names: ReadonlyMap<string, string>): string {
  const span = model.spanAt(event.seq);
  if (span) return nameOf(span);
  const lane = model.laneAt(event.seq);
  if (lane && event.type.startsWith("task")) return laneName(lane, names);
  const note = model.notes.find((one) => one.seq === event.seq);
  return note ? noteText(note) : (runTexts.types[event.type] ?? event.type);
}

function EventDetails({ jobId, event, names, onSelect, actions }: Omit<DetailsProps, "seq"> & { event: TraceEvent }) {
  const { model } = useStore();
  const span = model.spanAt(event.seq);
  const lane = model.laneAt(event.seq);
  const ended = span?.endSeq ?? (span ? null : lane?.endSeq);
  const second =
    ended && ended !== event.seq
      ? model.event(ended)
      : span && span.seq !== event.seq
        ? model.event(span.seq)
        : undefined;
  return (
    <>
      <Facts event={event} span={span} lane={lane} names={names} onSelect={onSelect} />
      {actions && <div className={styles.actions}>{actions}</div>}
      <Body jobId={jobId} event={event} span={span} lane={lane} />
      <details className={styles.more}>
        <summary>{texts.event}</summary>
        <Json value={event} label={texts.event} />
        {second && <Json value={second} label={texts.event} />}
      </details>
    </>
  );
}

interface Known {
  event: TraceEvent;
  span: Span | undefined;
  lane: Lane | undefined;
}

function Facts({ event, span, lane, names, onSelect }: Known & Pick<DetailsProps, "names" | "onSelect">) {
  const { model } = useStore();
  const at = model.times[event.seq - 1]!;
  const begin = model.startedAt ?? model.times[0]!;
  const start = span?.start ?? lane?.start;
  return (
    <dl className={styles.facts}>
      {lane && (
        <Fact name={texts.task}>
          <button type="button" className={styles.link} onClick={() => onSelect(lane.seq)}>
            {laneName(lane, names)}
          </button>
        </Fact>
      )}
      {(span?.agent || lane?.agent) && <Fact name={texts.agent}>{span?.agent || lane?.agent}</Fact>}
      {start && (
        <Fact name={texts.duration}>
          <Took since={start} until={(span ? span.end : lane?.end) ?? null} />
        </Fact>
      )}
      {(span?.kind === "model" || (lane && !span && lane.inputTokens > 0)) && <Tokens of={span ?? lane!} />}
      <Fact name={texts.at}>
        <time dateTime={event.timestamp} title={event.timestamp}>
          {formats.exact(at)}
          {at >= begin && ` (+${formats.duration(at - begin)})`}
        </time>
      </Fact>
      <Fact name="seq">
        {event.seq} · {texts.attempt.toLowerCase()} {event.attempt}
      </Fact>
      {span?.recorded && <Badge>{texts.recorded}</Badge>}
    </dl>
  );
}

function Tokens({ of }: { of: Span | Lane }) {
  return (
    <>
      <Fact name={texts.tokens}>
        {runTexts.facts.tokensOf(formats.count(of.inputTokens), formats.count(of.outputTokens))}
      </Fact>
      <Fact name={texts.cost}>{formats.money(of.cost)}</Fact>
    </>
  );
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Body({ jobId, event, span, lane }: Known & { jobId: string }) {
  const { model } = useStore();
  if (span?.kind === "model" || span?.kind === "tool") return <CallDetails jobId={jobId} span={span} />;
  if (span?.kind === "question") return <QuestionDetails jobId={jobId} span={span} />;
  if (event.type === "answer_rejected") return <Part title={texts.reason}>{event.reason}</Part>;
  if (event.type === "error") {
    return (
      <>
        <Part title={texts.error}>
          {event.message} {event.comment && `“${event.comment}”`} <code>{event.code}</code>
        </Part>
        {runAdvice[event.code] && <Part title={texts.advice}>{runAdvice[event.code]}</Part>}
      </>
    );
  }
  if (event.type === "warning") {
    return (
      <Part title={texts.reason}>
        {event.message} <code>{event.code}</code>
      </Part>
    );
  }
  if (event.type === "execution_complete") return <Output value={event.result} />;
  if (!lane || !event.type.startsWith("task")) return null;
  const failed = model.error && lane.status === "failed" ? model.error : null;
  return (
    <>
      {lane.title && <Part title={texts.description}>{lane.title}</Part>}
      {lane.reason && <Part title={texts.reason}>{lane.reason}</Part>}
      {failed && <Part title={texts.error}>{failed.message}</Part>}
      {failed && runAdvice[failed.code] && <Part title={texts.advice}>{runAdvice[failed.code]}</Part>}
      {lane.result !== undefined && <Output value={lane.result} />}
    </>
  );
}

function Output({ value }: { value: unknown }) {
  return (
    <section className={styles.part}>
      <h3>{texts.output}</h3>
      <Json value={value} label={texts.output} />
    </section>
  );
}

export function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={styles.part}>
      <h3>{title}</h3>
      <p>{children}</p>
    </section>
  );
}

function QuestionDetails({ jobId, span }: { jobId: string; span: Span }) {
  const { model } = useStore();
  const asked = model.event(span.seq) as EventOf<"input_required">;
  if (span.end === null && !model.ended) return <QuestionCard jobId={jobId} question={questionOf(asked)} />;
  const said = span.endSeq === null ? undefined : (model.event(span.endSeq) as EventOf<"input_received"> | undefined);
  return (
    <>
      <section className={styles.part}>
        <h3>{runTexts.kinds.question}</h3>
        <Json value={asked.answer ?? asked.prompt} label={runTexts.kinds.question} />
      </section>
      {asked.tool_call && <Arguments before={asked.tool_call.arguments} after={said?.arguments} />}
      {said && <Answer said={said} />}
    </>
  );
}

/** What a call was to be made with, and what a person has changed. */
function Arguments({ before, after }: { before: unknown; after: unknown }) {
  const [one, other] = [before, after].map((value) => JSON.stringify(value ?? null, null, 2));
  return (
    <section className={styles.part}>
      <h3>{texts.arguments}</h3>
      {after ? (
        <Diff before={one!} after={other!} label={texts.arguments} />
      ) : (
        <Json value={before} label={texts.arguments} />
      )}
    </section>
  );
}

function Answer({ said }: { said: EventOf<"input_received"> }) {
  return (
    <section className={styles.part}>
      <h3>{texts.answer}</h3>
      <p>
        <Badge tone={said.outcome === "rejected" || said.outcome === "expired" ? "bad" : "ok"}>
          {said.outcome ?? "answered"}
        </Badge>{" "}
        {said.comment && `“${said.comment}”`}
      </p>
      {said.input !== undefined && said.input !== null && <Json value={said.input} label={texts.answer} />}
      {said.by && (
        <p className={styles.quiet}>
          {texts.by} <code>{said.by}</code>
        </p>
      )}
    </section>
  );
}

/** A question as its event tells it, in the form in which jobs and the inbox show it. */
export function questionOf(event: EventOf<"input_required">): Question {
  const { question_id, agent, prompt, answer, response_schema, choices, expires_at, on_expiry } = event;
  return {
    ...{ question_id, agent, prompt, answer, kind: event.kind ?? "question", asked_at: event.timestamp },
    ...{ task_id: event.task_id ?? null, tool_call: (event.tool_call ?? null) as Schemas["QuestionView"]["tool_call"] },
    ...{ response_schema: response_schema ?? null, choices: choices ?? null },
    ...{ expires_at: expires_at ?? null, on_expiry: on_expiry ?? null, answered_by: event.answered_by ?? "editor" },
  } as Question;
}

/** Moves the focus to what has opened, where it lies over the rest. */
export function useFocusOnOpen(open: boolean, element: React.RefObject<HTMLElement | null>): void {
  useEffect(() => {
    if (open) element.current?.focus();
  }, [open, element]);
}
