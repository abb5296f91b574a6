import { runTexts } from "../../texts/run.ts";
import { Elapsed, Link, Moment, Money, Status, Tokens } from "../../ui/index.ts";
import styles from "./run.module.css";
import { useExecution, useModel } from "./use-run.ts";

export function RunHeader({ jobId }: { jobId: string }) {
  const crew = useModel((model) => model.crew);
  const status = useModel((model) => (model.lastSeq ? model.status : null));
  const head = useExecution(jobId).data;
  return (
    <header className={styles.header}>
      <div className={styles.titles}>
        <h1 tabIndex={-1}>{runTexts.title(crew)}</h1>
        <Status status={status ?? head?.status ?? "queued"} />
        <LiveState />
      </div>
      <Facts jobId={jobId} />
    </header>
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
        </span>
      </Fact>
      <Fact name={texts.cost}>
        <Money usd={cost} />
      </Fact>
      {crewId && version !== null && (
        <Fact name="Crew">
          <Link href={`/crews/${crewId}?tab=versions&version=${version}`}>{texts.version(version)}</Link>
        </Fact>
      )}
      {attempt > 1 && <Fact name="Attempt">{attempt}</Fact>}
    </dl>
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
