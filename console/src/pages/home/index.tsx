import { useQueries, useQuery } from "@tanstack/react-query";
import { useCrewName } from "../../api/crew-names.ts";
import { keys, useKasal } from "../../api/index.ts";
import { ExampleCards } from "../../examples/example-cards.tsx";
import { commonTexts } from "../../texts/common.ts";
import { homeTexts } from "../../texts/home.ts";
import { Link, Page, Problem, Section, SkeletonRows } from "../../ui/index.ts";
import { isMoving, type Run } from "../runs/model.ts";
import { RunRow } from "../runs/run-row.tsx";
import styles from "./home.module.css";
import { liveRuns } from "./model.ts";
import { Figures } from "./summary.tsx";
import { WaitingQuestions } from "./waiting-questions.tsx";

const SHOWN = 6;
/** With one run at most, people are new here: the demo begins with one. */
const FIRST_STEPS = 1;

export default function HomePage() {
  const kasal = useKasal();
  const recent = useQuery({
    queryKey: keys.executions({ page_size: 50 }),
    queryFn: ({ signal }) => kasal.get("/executions", { query: { page_size: 50 }, signal }),
    refetchInterval: ({ state }) => (state.data?.executions.some(isMoving) ? 4_000 : 20_000),
  });
  const running = useQuery({
    queryKey: keys.executions({ status: "running" }),
    queryFn: ({ signal }) => kasal.get("/executions", { query: { status: "running", page_size: 20 }, signal }),
    refetchInterval: 60_000,
  });
  const failed = useQuery({
    queryKey: keys.executions({ status: "failed" }),
    queryFn: ({ signal }) => kasal.get("/executions", { query: { status: "failed", page_size: 50 }, signal }),
    refetchInterval: 30_000,
  });
  if (recent.isError && !recent.data) {
    return (
      <Page title={commonTexts.pages.home}>
        <Problem error={recent.error} what={homeTexts.failed} onRetry={() => void recent.refetch()} />
      </Page>
    );
  }
  const runs = recent.data?.executions ?? [];
  const live = liveRuns(runs, running.data?.executions ?? []);
  const isNew = recent.data && recent.data.total <= FIRST_STEPS;
  return (
    <Page
      title={isNew ? homeTexts.welcome : commonTexts.pages.home}
      tabTitle={commonTexts.pages.home}
      lead={isNew && homeTexts.welcomeText}
    >
      {isNew ? <ExampleCards /> : <Figures live={live} failed={failed.data?.executions} />}
      <WaitingQuestions />
      {recent.isPending ? (
        <SkeletonRows count={6} height="52px" />
      ) : (
        <Lists runs={runs} live={live} failed={failed.data?.executions ?? []} />
      )}
      {!isNew && recent.data && (
        <Section title={homeTexts.examples}>
          <ExampleCards />
        </Section>
      )}
    </Page>
  );
}

function Lists({ runs, live, failed }: { runs: readonly Run[]; live: readonly Run[]; failed: readonly Run[] }) {
  const ended = runs.filter((run) => run.finished_at).slice(0, SHOWN);
  return (
    <>
      {live.length > 0 && (
        <Section title={homeTexts.live} actions={live.length > SHOWN && <Link href="/runs">{homeTexts.all}</Link>}>
          <RunRows runs={live.slice(0, SHOWN)} />
        </Section>
      )}
      {failed.length > 0 && (
        <Section title={homeTexts.failures} actions={<Link href="/runs?status=failed">{homeTexts.all}</Link>}>
          <Failures runs={failed.slice(0, 3)} />
        </Section>
      )}
      {ended.length > 0 && (
        <Section title={homeTexts.recent} actions={<Link href="/runs">{homeTexts.all}</Link>}>
          <RunRows runs={ended} />
        </Section>
      )}
    </>
  );
}

function RunRows({ runs }: { runs: readonly Run[] }) {
  const crewName = useCrewName();
  return (
    <ul className={styles.rows}>
      {runs.map((run) => (
        <li key={run.job_id}>
          <RunRow run={run} crewName={crewName(run.crew_id)} />
        </li>
      ))}
    </ul>
  );
}

/** The newest failures, with the reason. A run that has ended does not change, so that it is read once. */
function Failures({ runs }: { runs: readonly Run[] }) {
  const kasal = useKasal();
  const crewName = useCrewName();
  const details = useQueries({
    queries: runs.map(({ job_id }) => ({
      queryKey: keys.execution(job_id),
      queryFn: ({ signal }: { signal: AbortSignal }) => kasal.get("/executions/{job_id}", { path: { job_id }, signal }),
      staleTime: Number.POSITIVE_INFINITY,
    })),
  });
  return (
    <ul className={styles.rows}>
      {runs.map((run, index) => {
        const error = details[index]?.data?.error;
        return (
          <li key={run.job_id}>
            <RunRow run={run} crewName={crewName(run.crew_id)} />
            <p className={styles.reason}>{error ? `${error.code}: ${error.message}` : "\u00a0"}</p>
          </li>
        );
      })}
    </ul>
  );
}
