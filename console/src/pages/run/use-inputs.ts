import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { keys, useKasal } from "../../api/index.ts";
import { fieldsOf, type InputField, placeholdersOf } from "./inputs.ts";
import { useModel, useVersion } from "./use-run.ts";

/** What a run was started with. */
export function useInputs(jobId: string, enabled = true) {
  const kasal = useKasal();
  return useQuery({
    queryKey: [...keys.execution(jobId), "inputs"],
    queryFn: ({ signal }) => kasal.get("/executions/{job_id}/inputs", { path: { job_id: jobId }, signal }),
    staleTime: Number.POSITIVE_INFINITY,
    enabled,
  });
}

/** The fields of a form of a run's inputs, as somebody has changed them. */
export function useInputFields(jobId: string) {
  const inputs = useInputs(jobId);
  const version = useVersion(
    useModel((model) => model.crewId),
    useModel((model) => model.crewVersion),
  );
  const given = inputs.data?.inputs;
  const [changed, setFields] = useState<InputField[] | null>(null);
  const first = useMemo(
    () => (given && !version.isLoading ? fieldsOf(given, version.data ? placeholdersOf(version.data) : []) : null),
    [given, version.isLoading, version.data],
  );
  return { given, fields: changed ?? first, setFields, error: inputs.error };
}
