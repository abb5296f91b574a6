import { runsTexts } from "../../texts/runs.ts";
import { Elapsed, formats, Link, Moment, Progress, Status } from "../../ui/index.ts";
import type { Run } from "./model.ts";
import styles from "./runs.module.css";

/** A run in a list: all of it is the link to its page. */
export function RunRow({ run, crewName }: { run: Run; crewName: string }) {
  return (
    <Link className={styles.row} href={`/runs/${run.job_id}`}>
      <Status status={run.status} />
      <span className={styles.what}>
        <span className={styles.crew}>{crewName}</span>
        <span className={styles.more}>{moreOf(run)}</span>
      </span>
      <span className={styles.progress}>
        {run.status === "running" && <Progress label={runsTexts.progress} value={run.progress / 100} />}
      </span>
      <span className={styles.time}>
        <Took run={run} />
      </span>
      <span className={styles.ago}>
        <Moment at={run.created_at} />
      </span>
    </Link>
  );
}

function moreOf(run: Run): string {
  const parts = [run.current_task ?? run.job_id];
  if (run.forked_from) parts.push(runsTexts.fork);
  if (run.replay_of) parts.push(runsTexts.replay);
  if (run.attempt > 1) parts.push(runsTexts.attempt(run.attempt));
  return parts.join(" · ");
}

function Took({ run }: { run: Run }) {
  if (!run.started_at) return null;
  if (run.finished_at) return <span>{formats.duration(Date.parse(run.finished_at) - Date.parse(run.started_at))}</span>;
  return <Elapsed since={run.started_at} />;
}
