import { useMay } from "../../api/index.ts";
import { runTexts } from "../../texts/run.ts";
import { Button, Elapsed, formats, Link, Moment, Money, Status, Tokens } from "../../ui/index.ts";
import { Actions } from "./actions.tsx";
import styles from "./run.module.css";
import { useInputs } from "./use-inputs.ts";
import { useExecution, useModel, useStore, useVersion } from "./use-run.ts";

export interface HeaderProps {
  jobId: string;
  graph: boolean;
  onGraph: () => void;
  onSelect: (seq: number) => void;
}

export function RunHeader({ jobId, graph, onGraph, onSelect }: HeaderProps) {
  const crew = useModel((model) => model.crew);
  const status = useModel((model) => (model.lastSeq ? model.status : null));
  const head = useExecution(jobId).data;
  return (
    <header className={styles.header}>
      <div className={styles.titles}>
        <h1 tabIndex={-1}>{runTexts.title(crew)}</h1>
        <Status status={status ?? head?.status ?? "queued"} />
        <LiveState />
        <Waiting onSelect={onSelect} />
      </div>
      <Button kind="quiet" aria-pressed={graph} onPress={onGraph}>
        {runTexts.actions.graph}
      </Button>
      <Actions jobId={jobId} />
      <Facts jobId={jobId} />
    </header>
  );
}

/** Leads to the oldest question that waits, from wherever one looks. */
function Waiting({ onSelect }: { onSelect: (seq: number) => void }) {
  const count = useModel((model) => (model.ended ? 0 : model.open.length));
  const { model } = useStore();
  if (!count) return null;
  return (
    <Button small onPress={() => onSelect(model.open[0]!.seq)}>
      {runTexts.waits(count)}
    </Button>
  );
}

/** Whether what is shown is up to date. Its place is kept, so that nothing moves when it changes. */
function LiveState() {
  const connection = useModel((model, store) => (model.ended ? "closed" : store.connection));
  return (
    <span className={styles.connection} data-state={connection} role="status">
      {runTexts.connection[connection]}
    </span>
  );
}

function Facts({ jobId }: { jobId: string }) {
  const head = useExecution(jobId).data;
  const crewId = useModel((model) => model.crewId) || head?.crew_id || "";
  const version = useModel((model) => model.crewVersion) ?? head?.version ?? null;
  const started = useModel((model) => model.startedAt);
  const ended = useModel((model) => model.endedAt);
  const input = useModel((model) => model.inputTokens);
  const output = useModel((model) => model.outputTokens);
  const cost = useModel((model) => model.cost);
  const attempt = useModel((model) => model.attempt);
  const budget = useVersion(crewId, version).data?.configuration.budget;
  const texts = runTexts.facts;
  return (
    <dl className={styles.facts}>
      <Fact name={texts.started}>{started ? <Moment at={new Date(started).toISOString()} /> : "—"}</Fact>
      <Fact name={texts.duration}>
        {started ? (
          <Elapsed since={new Date(started).toISOString()} until={ended ? new Date(ended).toISOString() : null} />
        ) : (
          "—"
        )}
      </Fact>
      <Fact name={texts.tokens}>
        <span title={texts.tokensOf(input.toLocaleString("en-US"), output.toLocaleString("en-US"))}>
          <Tokens value={input + output} />
          {budget?.max_tokens != null && ` ${texts.budget} ${formats.tokens(budget.max_tokens)}`}
        </span>
      </Fact>
      <Fact name={texts.cost}>
        <Money usd={cost} />
        {budget?.max_cost_usd != null && ` ${texts.budget} ${formats.money(budget.max_cost_usd)}`}
      </Fact>
      {crewId && version !== null && (
        <Fact name="Crew">
          <Link href={`/crews/${crewId}?tab=versions&version=${version}`}>{texts.version(version)}</Link>
        </Fact>
      )}
      {head?.forked_from && (
        <Fact name={texts.forkedFrom}>
          <Link href={`/runs/${head.forked_from.job_id}?seq=${head.forked_from.seq}`}>
            …{head.forked_from.job_id.slice(-6)}
          </Link>
        </Fact>
      )}
      {head?.replay_of && (
        <Fact name={texts.replayOf}>
          <Link href={`/runs/${head.replay_of}`}>…{head.replay_of.slice(-6)}</Link>
        </Fact>
      )}
      <Inputs jobId={jobId} />
      {attempt > 1 && <Fact name="Attempt">{attempt}</Fact>}
    </dl>
  );
}

/** What the run was started with, in one line; the tooltip has all of it. */
function Inputs({ jobId }: { jobId: string }) {
  const may = useMay("editor");
  const inputs = useInputs(jobId, may).data?.inputs;
  const entries = Object.entries(inputs ?? {});
  if (!entries.length) return null;
  const text = entries
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" · ");
  return (
    <Fact name={runTexts.facts.inputs}>
      <span className={styles.inputs} title={text.slice(0, 2000)}>
        {text.slice(0, 300)}
      </span>
    </Fact>
  );
}

export function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
