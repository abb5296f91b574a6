import { useQuery } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { keys, useKasal } from "../../api/index.ts";
import type { RunModel } from "./model.ts";
import { RunStore } from "./store.ts";

export const RunContext = createContext<RunStore>(new RunStore());

export function useStore(): RunStore {
  return useContext(RunContext);
}

/** Returns a value of the model, and renders again when it is another one: give a text, a number or the same object. */
export function useModel<T>(select: (model: RunModel, store: RunStore) => T): T {
  const store = useStore();
  return useSyncExternalStore(store.subscribe, () => select(store.model, store));
}

/** Follows a run while the page is there. */
export function useRunStore(jobId: string): RunStore {
  const kasal = useKasal();
  const [store] = useState(() => new RunStore());
  useEffect(() => store.follow(kasal, jobId), [store, kasal, jobId]);
  return store;
}

/** What only the run's head tells: when it was asked for, and where it comes from. */
export function useExecution(jobId: string) {
  const kasal = useKasal();
  return useQuery({
    queryKey: keys.execution(jobId),
    queryFn: ({ signal }) => kasal.get("/executions/{job_id}", { path: { job_id: jobId }, signal }),
  });
}

/** The crew as it was in the version that ran; versions never change. */
export function useVersion(crewId: string, version: number | null) {
  const kasal = useKasal();
  return useQuery({
    queryKey: [...keys.versions(crewId), version],
    queryFn: ({ signal }) =>
      kasal.get("/crews/{crew_id}/versions/{version}", { path: { crew_id: crewId, version: version ?? 1 }, signal }),
    enabled: crewId !== "" && version !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** The names of the crew's tasks, by their ids. */
export function useTaskNames(crewId: string, version: number | null): ReadonlyMap<string, string> {
  const tasks = useVersion(crewId, version).data?.tasks;
  return useMemo(() => new Map((tasks ?? []).flatMap((task) => (task.name ? [[task.id, task.name]] : []))), [tasks]);
}
