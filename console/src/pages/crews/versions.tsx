import { useMutation, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { kasal, keys } from "../../api/index.ts";
import { crewTexts } from "../../texts/crews.ts";
import { Badge, Button, Dialog, Moment, Problem, SkeletonRows, Table, toast } from "../../ui/index.ts";
import styles from "./editor.module.css";
import { loadText, type Saved, useEditor, useForgetCrew } from "./editor-state.ts";
import { changesIn } from "./patch.ts";

const SideBySide = lazy(() => import("./side-by-side.tsx"));
const texts = crewTexts.versions;

interface VersionsProps {
  crewId: string;
  isDirty: boolean;
  onRestored: (saved: Saved) => void;
}

/** All versions of a crew: which one runs, what is different, and the way back. */
export function CrewVersions({ crewId, isDirty, onRestored }: VersionsProps) {
  const { isReadOnly } = useEditor();
  const forget = useForgetCrew();
  const [compared, compare] = useState<number>();
  const list = useQuery({
    queryKey: keys.versions(crewId),
    queryFn: ({ signal }) =>
      kasal.get("/crews/{crew_id}/versions", { path: { crew_id: crewId }, query: { limit: 100 }, signal }),
  });
  const restore = useMutation({
    mutationFn: (version: number) =>
      kasal.post("/crews/{crew_id}/versions/{version}/restore", { path: { crew_id: crewId, version } }),
    onSuccess: async ({ restored, version }) => {
      onRestored(await loadText(crewId));
      toast(texts.restored(restored, version));
      await forget(crewId);
    },
  });
  const publish = useMutation({
    mutationFn: async ({ version, on }: { version: number; on: boolean }) => {
      const path = { crew_id: crewId, version };
      if (on) await kasal.post("/crews/{crew_id}/versions/{version}/publish", { path });
      else await kasal.delete("/crews/{crew_id}/versions/{version}/publish", { path });
      toast(on ? texts.publishedToast(version) : texts.unpublished);
    },
    onSuccess: () => forget(crewId),
  });
  if (list.error) return <Problem what={texts.couldNotRead} error={list.error} onRetry={() => list.refetch()} />;
  if (!list.data) return <SkeletonRows />;
  const newest = list.data.versions[0]?.version ?? 1;
  const failed = restore.error ?? publish.error;
  return (
    <div className={styles.fields}>
      <p className={styles.help}>{texts.help}</p>
      {isDirty && <p className={styles.help}>{texts.saveFirst}</p>}
      {failed && <Problem what={texts.failed} error={failed} />}
      <Table
        label={texts.label}
        rows={list.data.versions}
        rowKey={(row) => String(row.version)}
        columns={[
          {
            id: "version",
            title: texts.version,
            cell: (row) => (
              <span className={styles.row}>
                <strong>v{row.version}</strong>
                {row.version === newest && <Badge>{texts.newest}</Badge>}
                {row.published && <Badge tone="accent">{texts.published}</Badge>}
                {row.status === "configuring" && <Badge tone="warn">{texts.incomplete}</Badge>}
              </span>
            ),
          },
          { id: "made", title: texts.made, cell: (row) => <Moment at={row.created_at} /> },
          {
            id: "holds",
            title: texts.holds,
            minor: true,
            grow: true,
            cell: (row) => `${row.name}, ${crewTexts.counts(row.agents_count, row.tasks_count)}`,
          },
          {
            id: "actions",
            title: <span className="visually-hidden">{texts.actions}</span>,
            end: true,
            cell: (row) => (
              <span className={styles.rowEnd}>
                {row.version !== newest && (
                  <Button small aria-label={texts.compare(row.version)} onPress={() => compare(row.version)}>
                    {texts.compareShort}
                  </Button>
                )}
                {!isReadOnly && row.version !== newest && (
                  <Button
                    small
                    aria-label={texts.restoreLabel(row.version)}
                    isDisabled={isDirty}
                    isPending={restore.isPending && restore.variables === row.version}
                    onPress={() => restore.mutate(row.version)}
                  >
                    {texts.restore}
                  </Button>
                )}
                {!isReadOnly && (
                  <Button
                    small
                    aria-label={row.published ? texts.unpublishLabel(row.version) : texts.publishLabel(row.version)}
                    onPress={() => publish.mutate({ version: row.version, on: !row.published })}
                  >
                    {row.published ? texts.unpublish : texts.publish}
                  </Button>
                )}
              </span>
            ),
          },
        ]}
      />
      {compared !== undefined && (
        <Dialog wide title={texts.diffTitle(compared, newest)} isOpen onOpenChange={() => compare(undefined)}>
          <Comparison crewId={crewId} from={compared} to={newest} />
        </Dialog>
      )}
    </div>
  );
}

/** What is different in two versions: change by change, and text beside text. */
function Comparison({ crewId, from, to }: { crewId: string; from: number; to: number }) {
  const compared = useQuery({
    queryKey: [...keys.versions(crewId), "diff", from, to],
    queryFn: async ({ signal }) => {
      const path = { crew_id: crewId, version: from, other: to };
      const [patch, before, after] = await Promise.all([
        kasal.send("GET", "/crews/{crew_id}/versions/{version}/diff/{other}", { path, signal }),
        loadText(crewId, signal, from),
        loadText(crewId, signal, to),
      ]);
      return { changes: changesIn(await patch.json()), before: before.text, after: after.text };
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (compared.error) return <Problem what={texts.couldNotCompare} error={compared.error} />;
  if (!compared.data) return <SkeletonRows />;
  const { changes, before, after } = compared.data;
  return (
    <div className={styles.fields}>
      <h3>{texts.changes(changes.length)}</h3>
      <ul className={styles.changes}>
        {changes.slice(0, 50).map((change) => (
          <li key={`${change.verb}:${change.place}:${change.value}`}>
            <strong>{change.place}</strong> {change.verb}
            {change.value && <code>{change.value}</code>}
          </li>
        ))}
      </ul>
      <Suspense fallback={<SkeletonRows />}>
        <SideBySide before={before} after={after} titles={[texts.title(from), texts.title(to)]} />
      </Suspense>
    </div>
  );
}
