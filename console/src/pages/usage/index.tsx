import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useMemo, useState } from "react";
import { kasal, keys } from "../../api/index.ts";
import { usageTexts } from "../../texts/usage.ts";
import { download } from "../../ui/download.ts";
import {
  Button,
  type Column,
  Empty,
  formats,
  Link,
  Money,
  Page,
  Problem,
  Section,
  Select,
  Skeleton,
  SkeletonRows,
  Table,
  Tokens,
} from "../../ui/index.ts";
import { Budget } from "./budget.tsx";
import { csvOf, daysOf, monthsUntil, perDay, type Row } from "./model.ts";
import styles from "./usage.module.css";

const Chart = lazy(() => import("./chart.tsx"));

/** What the workspace has used, by crew, model and day, and its budget. */
export default function UsagePage() {
  const now = useMemo(() => new Date(), []);
  const [month, setMonth] = useState(() => monthsUntil(now)[0] ?? "");
  const [group, setGroup] = useState("crew");
  const query = { period: month, group_by: group };
  const usage = useQuery({
    queryKey: keys.usage(query),
    queryFn: ({ signal }) => kasal.get("/analytics/usage", { query, signal }),
    placeholderData: keepPreviousData,
  });
  const rows = usage.data?.rows ?? [];
  return (
    <Page
      title={usageTexts.title}
      lead={usageTexts.lead}
      actions={
        <Button
          isDisabled={!rows.length}
          onPress={() => download(`usage-${month}-${group.replaceAll(",", "-")}.csv`, csvOf(rows), "text/csv")}
        >
          {usageTexts.download}
        </Button>
      }
    >
      <Budget />
      <div className={styles.filters}>
        <Select
          label={usageTexts.month}
          options={monthsUntil(now).map((id) => ({ id, text: id }))}
          value={month}
          onChange={(key) => setMonth(String(key))}
        />
        <Select
          label={usageTexts.by}
          options={Object.entries(usageTexts.groups).map(([id, text]) => ({ id, text }))}
          value={group}
          onChange={(key) => setGroup(String(key))}
        />
      </div>
      {usage.error && <Problem what={usageTexts.couldNotRead} error={usage.error} onRetry={() => usage.refetch()} />}
      {usage.isPending && <SkeletonRows />}
      {usage.data && usage.data.executions === 0 && !rows.length && (
        <Empty title={usageTexts.none}>{usageTexts.noneText}</Empty>
      )}
      {usage.data && (usage.data.executions > 0 || rows.length > 0) && (
        <>
          <dl className={styles.figures}>
            <Figure title={usageTexts.runs}>{formats.count(usage.data.executions)}</Figure>
            <Figure title={usageTexts.tokens}>
              <Tokens value={usage.data.tokens_used} />
            </Figure>
            <Figure title={usageTexts.cost}>
              <Money usd={usage.data.cost_usd} />
            </Figure>
            <Figure title={usageTexts.success}>{Math.round(usage.data.success_rate * 100)} %</Figure>
            <Figure title={usageTexts.duration}>{formats.duration(usage.data.avg_duration * 1000)}</Figure>
          </dl>
          {usage.data.unpriced_tokens ? (
            <p className={styles.help}>{usageTexts.unpriced(formats.tokens(usage.data.unpriced_tokens))}</p>
          ) : null}
          <Days month={month} now={now} />
          <UsageTable rows={rows} />
        </>
      )}
    </Page>
  );
}

function Figure({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Days({ month, now }: { month: string; now: Date }) {
  const [kind, setKind] = useState<"tokens" | "cost">("tokens");
  const query = { period: month, group_by: "day" };
  const usage = useQuery({
    queryKey: keys.usage(query),
    queryFn: ({ signal }) => kasal.get("/analytics/usage", { query, signal }),
  });
  const days = useMemo(() => daysOf(month, now), [month, now]);
  const values = useMemo(() => perDay(usage.data?.rows ?? [], days), [usage.data, days]);
  return (
    <Section
      title={usageTexts.perDay}
      actions={
        <Select
          label={usageTexts.chart.show}
          hideLabel
          options={(["tokens", "cost"] as const).map((id) => ({ id, text: usageTexts.chart[id] }))}
          value={kind}
          onChange={(key) => setKind(key as "tokens" | "cost")}
        />
      }
    >
      {usage.error ? (
        <Problem what={usageTexts.couldNotRead} error={usage.error} onRetry={() => usage.refetch()} />
      ) : (
        <Suspense fallback={<Skeleton height="180px" />}>
          <Chart days={days} values={values[kind]} kind={kind} />
        </Suspense>
      )}
    </Section>
  );
}

function UsageTable({ rows }: { rows: readonly Row[] }) {
  const crews = useQuery({
    queryKey: keys.crews({ limit: 100 }),
    queryFn: ({ signal }) => kasal.get("/crews", { query: { limit: 100 }, signal }),
  });
  const names = new Map(crews.data?.crews.map((crew) => [crew.id, crew.name]));
  const { columns } = usageTexts;
  const has = (field: keyof Row) => rows.some((row) => row[field] !== undefined && row[field] !== null);
  const shown: (Column<Row> | false)[] = [
    has("day") && { id: "day", title: columns.day, cell: (row) => row.day ?? "" },
    has("crew_id") && {
      id: "crew",
      title: columns.crew,
      grow: true,
      cell: (row) =>
        row.crew_id ? <Link href={`/crews/${row.crew_id}`}>{names.get(row.crew_id) ?? row.crew_id}</Link> : "",
    },
    has("model") && { id: "model", title: columns.model, cell: (row) => row.model ?? "" },
    has("executions") && { id: "runs", title: columns.executions, end: true, cell: (row) => row.executions ?? "" },
    { id: "input", title: columns.input, end: true, minor: true, cell: (row) => <Tokens value={row.input_tokens} /> },
    {
      id: "output",
      title: columns.output,
      end: true,
      minor: true,
      cell: (row) => <Tokens value={row.output_tokens} />,
    },
    { id: "tokens", title: columns.tokens, end: true, cell: (row) => <Tokens value={row.tokens} /> },
    { id: "cost", title: columns.cost, end: true, cell: (row) => <Money usd={row.cost_usd} /> },
  ];
  return (
    <Table
      label={usageTexts.title}
      rows={rows}
      rowKey={(row) => [row.day, row.crew_id, row.model].join(" ")}
      columns={shown.filter((column) => column !== false)}
    />
  );
}
