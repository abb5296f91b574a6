import { useEffect } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { runTexts } from "../../texts/run.ts";
import { Problem, useTabTitle } from "../../ui/index.ts";
import { Compact } from "./compact.tsx";
import { Details } from "./details.tsx";
import { Full } from "./full.tsx";
import { RunHeader } from "./header.tsx";
import styles from "./run.module.css";
import { Timeline } from "./timeline.tsx";
import { usePlace, type View } from "./use-place.ts";
import { RunContext, useExecution, useModel, useRunStore, useTaskNames } from "./use-run.ts";

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
        <>
          <RunHeader jobId={jobId} />
          <Body jobId={jobId} />
        </>
      )}
    </div>
  );
}

const VIEWS: View[] = ["compact", "timeline", "full"];
const CONTENT = { compact: Compact, timeline: Timeline, full: Full };

function Body({ jobId }: { jobId: string }) {
  const { view, seq, show, select } = usePlace();
  const taskNames = useTaskNames(
    useModel((model) => model.crewId),
    useModel((model) => model.crewVersion),
  );
  return (
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
      {seq !== null && <Details jobId={jobId} seq={seq} names={taskNames} onSelect={select} />}
    </div>
  );
}
