import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { useCrewName } from "../../api/crew-names.ts";
import { commonTexts } from "../../texts/common.ts";
import { runsTexts } from "../../texts/runs.ts";
import { Button, Empty, formats, Link, Page, Problem, SkeletonRows } from "../../ui/index.ts";
import { RunFilters } from "./filters.tsx";
import { addressOf, type Filters, filtersOf, merged, type Run } from "./model.ts";
import { RunRow } from "./run-row.tsx";
import styles from "./runs.module.css";
import { useRuns, useVisibleRuns } from "./use-runs.ts";

/** The height of a row in CSS pixels, as in runs.module.css. */
const ROW = 52;

export default function RunsPage() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const filters = useMemo(() => filtersOf(search), [search]);
  const change = (next: Filters) => navigate(addressOf(next), { replace: true });
  return (
    <Page title={commonTexts.pages.runs} wide>
      <RunFilters filters={filters} onChange={change} />
      <RunList key={search} filters={filters} onReset={() => change({})} />
    </Page>
  );
}

function RunList({ filters, onReset }: { filters: Filters; onReset: () => void }) {
  const { pages, loaded, fresh, total } = useRuns(filters);
  const [visible, setVisible] = useState<Run[]>([]);
  const single = useVisibleRuns(visible, fresh);
  const runs = merged(loaded, [...fresh, ...single], filters, Date.now());
  if (pages.isError && !loaded.length) {
    return <Problem error={pages.error} what={runsTexts.failed} onRetry={() => void pages.refetch()} />;
  }
  if (pages.isPending) return <SkeletonRows count={10} height={`${ROW}px`} />;
  if (!runs.length && !pages.hasNextPage) return <NoRuns filters={filters} onReset={onReset} />;
  return (
    <>
      <p className={styles.total} role="status">
        {!filters.since && total !== undefined
          ? runsTexts.total(formats.count(total))
          : runsTexts.total(formats.count(runs.length))}
      </p>
      <Rows
        runs={runs}
        onVisible={setVisible}
        onEnd={() => void (pages.hasNextPage && !pages.isFetching && pages.fetchNextPage())}
      />
      {pages.isFetchNextPageError && (
        <Problem error={pages.error} what={runsTexts.failed} onRetry={() => void pages.fetchNextPage()} />
      )}
      {pages.isFetchingNextPage && <SkeletonRows count={3} height={`${ROW}px`} />}
    </>
  );
}

interface RowsProps {
  runs: readonly Run[];
  onVisible: (runs: Run[]) => void;
  onEnd: () => void;
}

/** Draws the rows that are in view, however many there are. */
function Rows({ runs, onVisible, onEnd }: RowsProps) {
  const list = useRef<HTMLUListElement>(null);
  const crewName = useCrewName();
  const virtual = useWindowVirtualizer({
    count: runs.length,
    estimateSize: () => ROW,
    overscan: 10,
    scrollMargin: useTop(list),
    getItemKey: (index) => runs[index]!.job_id,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: only the range decides what is in view
  useEffect(() => onVisible(runs.slice(first, last + 1)), [first, last, runs.length]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the callback is another one on every render
  useEffect(() => {
    if (last >= runs.length - 15) onEnd();
  }, [last, runs.length]);
  return (
    <ul
      ref={list}
      className={styles.list}
      style={{ height: virtual.getTotalSize() }}
      aria-label={commonTexts.pages.runs}
    >
      {items.map((item) => {
        const run = runs[item.index]!;
        return (
          <li
            key={item.key}
            className={styles.item}
            aria-setsize={runs.length}
            aria-posinset={item.index + 1}
            style={{ transform: `translateY(${item.start - virtual.options.scrollMargin}px)` }}
          >
            <RunRow run={run} crewName={crewName(run.crew_id)} />
          </li>
        );
      })}
    </ul>
  );
}

function useTop(element: RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(element.current?.offsetTop ?? 0), [element]);
  return top;
}

function NoRuns({ filters, onReset }: { filters: Filters; onReset: () => void }) {
  const filtered = filters.status || filters.crew || filters.since;
  if (filtered) {
    return (
      <Empty title={runsTexts.noneFiltered} actions={<Button onPress={onReset}>{runsTexts.reset}</Button>}>
        {runsTexts.noneFilteredText}
      </Empty>
    );
  }
  return (
    <Empty title={runsTexts.none} actions={<Link href="/">{runsTexts.examples}</Link>}>
      {runsTexts.noneText}
    </Empty>
  );
}
