import { lazy, Suspense, useEffect, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { runTexts } from "../../texts/run.ts";
import { Problem, Skeleton, useTabTitle } from "../../ui/index.ts";
import { ForkHere } from "./actions.tsx";
import { Compact } from "./compact.tsx";
import { Details } from "./details.tsx";
import type { ForkStart } from "./fork-dialog.tsx";
import { Full } from "./full.tsx";
import { RunHeader } from "./header.tsx";
import styles from "./run.module.css";
import { Timeline } from "./timeline.tsx";
import { usePlace, type View } from "./use-place.ts";
import { RunContext, useExecution, useModel, useRunStore, useStore, useTaskNames } from "./use-run.ts";

export default function RunPage({ jobId }: { jobId: string }) {
  return <Run key={jobId} jobId={jobId} />;
}

function Run({ jobId }: { jobId: string }) {
  const store = useRunStore(jobId);
  const created = useExecution(jobId).data?.created_at;
  useEffect(() => {
    if (created) store.setCreated(Date.parse(created));
  }, [store, created]);
  return (
    <RunContext value={store}>
      <Content jobId={jobId} />
    </RunContext>
  );
}

function Content({ jobId }: { jobId: string }) {
  const failure = useModel((_, store) => store.failure);
  const crew = useModel((model) => model.crew);
  useTabTitle(crew || jobId);
  return (
    <div className={styles.page}>
      {failure ? (
        <Problem error={failure} what={runTexts.unreadable} onRetry={() => location.reload()} />
      ) : (
        <Shown jobId={jobId} />
      )}
    </div>
  );
}

const Graph = lazy(() => import("./graph.tsx"));

const VIEWS: View[] = ["compact", "timeline", "full"];
const CONTENT = { compact: Compact, timeline: Timeline, full: Full };

function Shown({ jobId }: { jobId: string }) {
  const [graph, setGraph] = useState(false);
  const { view, seq, show, select } = usePlace();
  const taskNames = useTaskNames(
    useModel((model) => model.crewId),
    useModel((model) => model.crewVersion),
  );
  const start = useForkStart(seq);
  return (
    <>
      <RunHeader jobId={jobId} graph={graph} onGraph={() => setGraph(!graph)} onSelect={select} />
      {graph && (
        <Suspense fallback={<Skeleton height="180px" />}>
          <Graph names={taskNames} onSelect={select} />
        </Suspense>
      )}
      <div className={styles.body}>
        <div className={styles.main}>
          <Tabs className={styles.tabs} selectedKey={view} onSelectionChange={(key) => show(key as View)}>
            <TabList className={styles.tabList} aria-label={runTexts.views.label}>
              {VIEWS.map((each) => (
                <Tab key={each} id={each} className={styles.tab}>
                  {runTexts.views[each]}
                </Tab>
              ))}
            </TabList>
            {VIEWS.map((each) => {
              const Content = CONTENT[each];
              return (
                <TabPanel key={each} id={each} className={styles.panel}>
                  <Content names={taskNames} seq={seq} onSelect={select} />
                </TabPanel>
              );
            })}
          </Tabs>
        </div>
        {seq !== null && (
          <Details
            jobId={jobId}
            seq={seq}
            names={taskNames}
            onSelect={select}
            actions={start && <ForkHere jobId={jobId} start={start} />}
          />
        )}
      </div>
    </>
  );
}

/** From where a fork goes on that is asked for beside an event: a task begins anew, after a call the run goes on. */
function useForkStart(seq: number | null): ForkStart | null {
  const { model } = useStore();
  const lane = useModel((changed) => (seq === null ? undefined : changed.laneAt(seq)));
  if (seq === null || !model.event(seq)) return null;
  return lane && model.event(seq)?.type === "task_start" ? { seq, task: lane.id } : { seq };
}
