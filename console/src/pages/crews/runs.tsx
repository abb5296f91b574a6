import { useQuery } from "@tanstack/react-query";
import { kasal, keys } from "../../api/index.ts";
import { crewTexts } from "../../texts/crews.ts";
import { Elapsed, Empty, Link, Moment, Problem, SkeletonRows, Status, Table } from "../../ui/index.ts";

const texts = crewTexts.runs;

/** The newest runs of a crew. */
export function CrewRuns({ crewId }: { crewId: string }) {
  const query = { crew_id: crewId, limit: 50 };
  const runs = useQuery({
    queryKey: keys.executions(query),
    queryFn: ({ signal }) => kasal.get("/executions", { query, signal }),
    refetchInterval: 5000,
  });
  if (runs.error) return <Problem what={texts.couldNotRead} error={runs.error} onRetry={() => runs.refetch()} />;
  if (!runs.data) return <SkeletonRows />;
  if (!runs.data.executions.length) return <Empty title={texts.none}>{texts.noneText}</Empty>;
  return (
    <Table
      label={texts.label}
      rows={runs.data.executions}
      rowKey={(run) => run.job_id}
      columns={[
        {
          id: "run",
          title: texts.run,
          grow: true,
          cell: (run) => <Link href={`/runs/${run.job_id}`}>{run.job_id}</Link>,
        },
        { id: "status", title: crewTexts.status, cell: (run) => <Status status={run.status} /> },
        { id: "version", title: texts.version, cell: (run) => (run.version ? `v${run.version}` : "—") },
        {
          id: "took",
          title: texts.took,
          end: true,
          minor: true,
          cell: (run) => (run.started_at ? <Elapsed since={run.started_at} until={run.finished_at} /> : "—"),
        },
        { id: "started", title: texts.started, cell: (run) => <Moment at={run.started_at ?? run.created_at} /> },
      ]}
    />
  );
}
