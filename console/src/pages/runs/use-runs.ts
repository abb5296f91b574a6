import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { keys, useKasal } from "../../api/index.ts";
import { type Filters, goesOn, isMoving, isOpen, merged, type Run } from "./model.ts";

const PAGE = 50;
/** Milliseconds between two looks while something moves, and while nothing does. */
const LIVELY = 4_000;
const CALM = 30_000;
/** Runs of older pages that are looked at one by one, at most. */
const SINGLE = 8;

/** The runs in pages, with the newest page read again and again. */
export function useRuns(filters: Filters) {
  const kasal = useKasal();
  const query = { status: filters.status, crew_id: filters.crew, page_size: PAGE };
  const pages = useInfiniteQuery({
    queryKey: [...keys.executions(filters), "pages"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => kasal.get("/executions", { query: { ...query, after: pageParam }, signal }),
    getNextPageParam: (page) => (goesOn(page.executions, filters, Date.now()) ? (page.next ?? undefined) : undefined),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const loaded = pages.data?.pages.flatMap((page) => page.executions) ?? [];
  const head = useQuery({
    queryKey: [...keys.executions(filters), "head"],
    enabled: pages.isSuccess,
    queryFn: ({ signal }) => kasal.get("/executions", { query, signal }),
    refetchInterval: ({ state }) => (state.data?.executions.some(isMoving) ? LIVELY : CALM),
  });
  const fresh = head.data?.executions ?? [];
  return { pages, loaded, fresh, total: head.data?.total ?? pages.data?.pages[0]?.total };
}

/** Looks at those visible runs that may change and are in no page that is read again. */
export function useVisibleRuns(visible: readonly Run[], fresh: readonly Run[]): Run[] {
  const kasal = useKasal();
  const head = new Set(fresh.map((run) => run.job_id));
  const ids = visible
    .filter((run) => isOpen(run) && !head.has(run.job_id))
    .map((run) => run.job_id)
    .slice(0, SINGLE);
  const query = useQuery({
    queryKey: [...keys.executions(), "visible", ids],
    enabled: ids.length > 0,
    refetchInterval: 4 * LIVELY,
    queryFn: ({ signal }) =>
      Promise.all(ids.map((job_id) => kasal.get("/executions/{job_id}", { path: { job_id }, signal }))),
  });
  return query.data ?? [];
}

export { merged };
