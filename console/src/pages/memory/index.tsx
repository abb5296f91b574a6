import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { kasal, keys, useMay } from "../../api/index.ts";
import { memoryTexts } from "../../texts/memory.ts";
import {
  ComboBox,
  Empty,
  Field,
  Link,
  Moment,
  Page,
  Problem,
  Section,
  Select,
  SkeletonRows,
  toast,
} from "../../ui/index.ts";
import { Removal } from "../../ui/removal.tsx";
import styles from "./memory.module.css";

type Scope = "own" | "crew" | "workspace" | "key";
type Kind = "short_term" | "long_term";

/** What crews remember, and the way to make them forget it. */
export default function MemoryPage() {
  const [, navigate] = useLocation();
  const chosen = new URLSearchParams(useSearch()).get("crew");
  const crews = useQuery({
    queryKey: keys.crews({ limit: 100 }),
    queryFn: ({ signal }) => kasal.get("/crews", { query: { limit: 100 }, signal }),
  });
  const options = (crews.data?.crews ?? []).map((crew) => ({ id: crew.id, text: crew.name }));
  const crewId = chosen ?? options[0]?.id;
  return (
    <Page title={memoryTexts.title} lead={memoryTexts.lead}>
      {crews.error && (
        <Problem what={memoryTexts.couldNotReadCrews} error={crews.error} onRetry={() => crews.refetch()} />
      )}
      {crews.isPending && <SkeletonRows />}
      {crews.data && !options.length && <Empty title={memoryTexts.noCrews}>{memoryTexts.noCrewsText}</Empty>}
      {crewId && options.length > 0 && (
        <>
          <div className={styles.filter}>
            <ComboBox
              label={memoryTexts.crew}
              options={options}
              defaultValue={crewId}
              onChange={(key) => key !== null && navigate(`/memory?crew=${key}`, { replace: true })}
            />
          </div>
          <CrewMemory key={crewId} crewId={crewId} />
        </>
      )}
    </Page>
  );
}

function CrewMemory({ crewId }: { crewId: string }) {
  const [scope, setScope] = useState<Scope>("own");
  const [input, setInput] = useState("");
  const [value, setValue] = useState("");
  const mayEdit = useMay("editor");
  const client = useQueryClient();
  const query = useDeferredValue(queryOf(scope, input.trim(), value));
  const memory = useQuery({
    queryKey: [...keys.memory(crewId), query],
    queryFn: ({ signal }) => kasal.get("/memory/{crew_id}", { path: { crew_id: crewId }, query: query ?? {}, signal }),
    enabled: query !== undefined,
  });
  const clear = (type: Kind) => ({
    remove: () =>
      kasal.post("/memory/{crew_id}/clear", { path: { crew_id: crewId }, query: query ?? {}, body: { type } }),
    onRemoved: async () => {
      toast(memoryTexts.cleared);
      await client.invalidateQueries({ queryKey: keys.memory(crewId) });
    },
  });
  const { data } = memory;
  return (
    <>
      <div className={styles.filters}>
        <Select
          label={memoryTexts.scope}
          description={memoryTexts.scopeHelp}
          options={Object.entries(memoryTexts.scopes).map(([id, text]) => ({ id, text }))}
          value={scope}
          onChange={(key) => setScope(key as Scope)}
        />
        {scope === "key" && (
          <>
            <Field label={memoryTexts.input} description={memoryTexts.inputHelp} value={input} onChange={setInput} />
            <Field label={memoryTexts.value} value={value} onChange={setValue} />
          </>
        )}
        <Link href={`/crews/${crewId}`} className={styles.link}>
          {memoryTexts.openCrew}
        </Link>
      </div>
      {query === undefined && <p className={styles.help}>{memoryTexts.needsValue}</p>}
      {memory.error && (
        <Problem what={memoryTexts.couldNotRead} error={memory.error} onRetry={() => memory.refetch()} />
      )}
      {query !== undefined && memory.isPending && <SkeletonRows count={3} />}
      {data && !data.short_term.length && !data.long_term.length && (
        <Empty title={memoryTexts.none}>{memoryTexts.noneText}</Empty>
      )}
      {data && data.short_term.length > 0 && (
        <Section
          title={memoryTexts.shortTerm}
          actions={mayEdit && <Clear label={memoryTexts.clearShort} {...clear("short_term")} />}
        >
          <ul className={styles.entries}>
            {data.short_term.map((entry) => (
              <li key={entry.timestamp + entry.content}>
                <small>
                  <Moment at={entry.timestamp} />
                </small>
                <p>{entry.content}</p>
              </li>
            ))}
          </ul>
        </Section>
      )}
      {data && data.long_term.length > 0 && (
        <Section
          title={memoryTexts.longTerm}
          actions={mayEdit && <Clear label={memoryTexts.clearLong} {...clear("long_term")} />}
        >
          <ul className={styles.entries}>
            {data.long_term.map((entry) => (
              <li key={entry.category}>
                <strong>{entry.category}</strong>
                <ul>
                  {entry.insights.map((insight) => (
                    <li key={insight}>{insight}</li>
                  ))}
                </ul>
              </li>
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}

function Clear({ label, ...removal }: { label: string; remove: () => Promise<unknown>; onRemoved: () => unknown }) {
  return (
    <Removal
      small
      open={memoryTexts.clear}
      label={label}
      title={memoryTexts.clearing}
      text={memoryTexts.clearingText}
      confirm={memoryTexts.clear}
      failed={memoryTexts.notCleared}
      {...removal}
    />
  );
}

/** What the API is asked for; nothing while it is not known whose memory is meant. */
function queryOf(scope: Scope, input: string, value: string) {
  if (scope === "own") return {};
  if (scope !== "key") return { scope };
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(input) && value ? { scope: `{${input}}`, key: value } : undefined;
}
