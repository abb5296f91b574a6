import type { Schemas } from "@kasal/client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { kasal, keys, useMay } from "../../api/index.ts";
import { crewTexts } from "../../texts/crews.ts";
import {
  Badge,
  Button,
  Empty,
  Field,
  icons,
  Link,
  Moment,
  Page,
  Problem,
  Select,
  SkeletonRows,
  Table,
} from "../../ui/index.ts";
import { EXAMPLES, exampleWords } from "./examples.ts";
import { ImportDialog } from "./import-dialog.tsx";
import styles from "./list.module.css";

type Crew = Schemas["CrewSummary"];
type Status = Crew["status"];
const SIZE = 50;

/** All crews of the workspace, and the ways to a new one. */
export default function CrewsPage() {
  const [name, setName] = useState("");
  const [status, setStatus] = useState<Status | "">("");
  const [after, setAfter] = useState<string[]>([]);
  const [isImporting, setImporting] = useState(false);
  const mayEdit = useMay("editor");
  const wanted = useDeferredValue(name.trim());
  const last = after.at(-1);
  const query = {
    limit: SIZE,
    ...(wanted ? { name: wanted } : {}),
    ...(status ? { status } : {}),
    ...(last ? { after: last } : {}),
  };
  const crews = useQuery({
    queryKey: keys.crews(query),
    queryFn: ({ signal }) => kasal.get("/crews", { query, signal }),
    placeholderData: keepPreviousData,
  });
  const isFiltered = wanted !== "" || status !== "";
  const found = crews.data;
  return (
    <Page
      title={crewTexts.crews}
      lead={crewTexts.lead}
      actions={
        mayEdit && (
          <>
            <Button onPress={() => setImporting(true)}>{crewTexts.import}</Button>
            <Link href="/crews/new" className={styles.primary}>
              <icons.PlusIcon size={14} /> {crewTexts.newCrew}
            </Link>
          </>
        )
      }
    >
      <search className={styles.filters}>
        <Field
          label={crewTexts.search}
          type="search"
          value={name}
          onChange={(next) => {
            setName(next);
            setAfter([]);
          }}
        />
        <Select
          label={crewTexts.status}
          options={[
            { id: "", text: crewTexts.all },
            { id: "active", text: crewTexts.active },
            { id: "configuring", text: crewTexts.configuring },
          ]}
          value={status}
          onChange={(key) => {
            setStatus(key as Status | "");
            setAfter([]);
          }}
        />
      </search>
      {crews.error && <Problem what={crewTexts.couldNotList} error={crews.error} onRetry={() => crews.refetch()} />}
      {!found && !crews.error && <SkeletonRows />}
      {found && found.crews.length > 0 && <CrewTable crews={found.crews} />}
      {found && found.crews.length === 0 && isFiltered && (
        <Empty
          title={crewTexts.noMatch}
          actions={
            <Button
              onPress={() => {
                setName("");
                setStatus("");
              }}
            >
              {crewTexts.showAll}
            </Button>
          }
        >
          {crewTexts.noMatchText}
        </Empty>
      )}
      {found && found.crews.length === 0 && !isFiltered && <Empty title={crewTexts.none}>{crewTexts.noneText}</Empty>}
      {(found?.next || after.length > 0) && (
        <div className={styles.pager}>
          <Button isDisabled={!after.length} onPress={() => setAfter(after.slice(0, -1))}>
            {crewTexts.newer}
          </Button>
          <Button isDisabled={!found?.next} onPress={() => found?.next && setAfter([...after, found.next])}>
            {crewTexts.older}
          </Button>
        </div>
      )}
      {mayEdit && <Examples />}
      {isImporting && <ImportDialog onClose={() => setImporting(false)} />}
    </Page>
  );
}

function CrewTable({ crews }: { crews: readonly Crew[] }) {
  const { columns } = crewTexts;
  return (
    <Table
      label={crewTexts.crews}
      rows={crews}
      rowKey={(crew) => crew.id}
      columns={[
        {
          id: "name",
          title: columns.name,
          grow: true,
          cell: (crew) => (
            <span className={styles.name}>
              <Link href={`/crews/${crew.id}`}>{crew.name}</Link>
              {crew.description && <small>{crew.description}</small>}
            </span>
          ),
        },
        {
          id: "status",
          title: crewTexts.status,
          cell: (crew) => (
            <Badge tone={crew.status === "active" ? "ok" : "warn"}>
              {crew.status === "active" ? crewTexts.active : crewTexts.configuring}
            </Badge>
          ),
        },
        {
          id: "made",
          title: columns.made,
          minor: true,
          cell: (crew) => crewTexts.counts(crew.agents_count, crew.tasks_count),
        },
        {
          id: "version",
          title: columns.version,
          minor: true,
          cell: (crew) =>
            crew.published_version
              ? `v${crew.version}, ${crewTexts.published(crew.published_version)}`
              : `v${crew.version}`,
        },
        { id: "changed", title: columns.changed, minor: true, cell: (crew) => <Moment at={crew.updated_at} /> },
      ]}
    />
  );
}

function Examples() {
  return (
    <section className={styles.examples} aria-label={crewTexts.examples}>
      <h2>{crewTexts.examples}</h2>
      <p className={styles.help}>{crewTexts.examplesHelp}</p>
      <ul className={styles.grid}>
        {EXAMPLES.map((name) => {
          const { title, teaches } = exampleWords(name);
          return (
            <li key={name}>
              <Link href={`/crews/new?example=${name}`} className={styles.example}>
                <strong>{title}</strong>
                <span>{teaches}</span>
              </Link>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
