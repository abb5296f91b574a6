import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useCallback, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { kasal, keys } from "../../api/index.ts";
import { crewTexts } from "../../texts/crews.ts";
import { Badge, Button, Page, PageSkeleton, Problem } from "../../ui/index.ts";
import { ConflictDialog } from "./conflict-dialog.tsx";
import { CrewMenu } from "./crew-menu.tsx";
import { draftOf, forgetDraft } from "./drafts.ts";
import styles from "./editor.module.css";
import { CrewEditor, type EditorView } from "./editor.tsx";
import { EditorProvider, loadText, type Saved, useEditorState } from "./editor-state.ts";
import { exampleText } from "./examples.ts";
import { LeaveGuard } from "./leave-guard.tsx";
import { NEW_CREW } from "./model.ts";
import { RunDialog } from "./run-dialog.tsx";
import { CrewRuns } from "./runs.tsx";
import { useSaving } from "./saving.ts";
import { savedText } from "./texts-kept.ts";
import { CrewVersions } from "./versions.tsx";

/** One crew; without an id, a new one, of an example if the address names one. */
export default function CrewPage({ crewId }: { crewId?: string }) {
  const example = new URLSearchParams(useSearch()).get("example");
  const text = useQuery({
    queryKey: ["crew-text", crewId ?? "new", crewId ? null : example],
    queryFn: async ({ signal }): Promise<Saved> => {
      if (crewId) return savedText(crewId, await loadText(crewId, signal));
      return { text: example ? await exampleText(example) : NEW_CREW, etag: undefined };
    },
    // The editor keeps what it has opened; a save that meets something newer says so.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  if (text.error) {
    return (
      <Page title={crewTexts.crew}>
        <Problem what={crewTexts.couldNotRead} error={text.error} onRetry={() => text.refetch()} />
      </Page>
    );
  }
  if (!text.data) return <PageSkeleton />;
  return <CrewWorkbench crewId={crewId} first={text.data} />;
}

const TABS = ["form", "yaml", "graph", "versions", "runs"] as const;
type Tab = (typeof TABS)[number];

/** The address with one of its parameters changed; the others stay, as the example that a new crew is made of. */
function useAddress() {
  const search = useSearch();
  const [location, navigate] = useLocation();
  const set = useCallback(
    (name: string, value: string | undefined) => {
      const next = new URLSearchParams(search);
      if (value === undefined) next.delete(name);
      else next.set(name, value);
      navigate(next.size ? `${location}?${next}` : location, { replace: true });
    },
    [search, location, navigate],
  );
  return { parameters: new URLSearchParams(search), set };
}

function useTab(): [Tab, (tab: Tab) => void] {
  const { parameters, set } = useAddress();
  const tab = TABS.find((each) => each === parameters.get("tab")) ?? "form";
  return [tab, (next) => set("tab", next === "form" ? undefined : next)];
}

/** Whether the inputs of a run are asked for: the address says so, since a crew that is saved first gets a new one. */
function useRunning() {
  const { parameters, set } = useAddress();
  const [, navigate] = useLocation();
  return {
    isRunning: parameters.has("run"),
    ask: (crewId: string) => navigate(`/crews/${crewId}?run=1`, { replace: true }),
    close: () => set("run", undefined),
  };
}

function CrewWorkbench({ crewId, first }: { crewId: string | undefined; first: Saved }) {
  const [draft] = useState(() => draftOf(crewId));
  const [isDraftShown, showDraft] = useState(draft !== undefined);
  const opened = draft && crewId ? { ...first, etag: draft.etag ?? first.etag } : first;
  const editor = useEditorState(crewId, opened, draft?.text);
  const view = useQuery({
    queryKey: keys.crew(crewId ?? "new"),
    queryFn: ({ signal }) => kasal.get("/crews/{crew_id}", { path: { crew_id: crewId ?? "" }, signal }),
    enabled: crewId !== undefined,
  });
  const [tab, select] = useTab();
  const running = useRunning();
  const saving = useSaving(editor, () => showDraft(false));
  const save = saving.mutate;
  const saveAndRun = useMutation({
    mutationFn: () => (editor.isDirty ? saving.mutateAsync(undefined) : Promise.resolve(crewId)),
    onSuccess: (id) => id && running.ask(id),
  });
  const name = typeof editor.crew.name === "string" && editor.crew.name ? editor.crew.name : crewTexts.newCrew;
  const isEditing = tab === "form" || tab === "yaml" || tab === "graph";
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || !isEditing) return;
    const key = event.key.toLowerCase();
    if (key === "s") save(undefined);
    else if (key === "z") event.shiftKey ? editor.redo() : editor.undo();
    else if (key === "y") editor.redo();
    else return;
    event.preventDefault();
  };
  const tabs = crewId ? TABS : TABS.slice(0, 3);
  return (
    <EditorProvider value={editor}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys work wherever the focus is in the page */}
      <div onKeyDown={onKeyDown}>
        <Page
          wide
          title={name}
          beside={<Beside isDirty={editor.isDirty} view={view.data} />}
          actions={
            <>
              {!editor.isReadOnly && (
                <Button
                  onPress={() => save(undefined)}
                  isDisabled={
                    (!editor.isDirty && crewId !== undefined) || editor.reading.fault !== undefined || saving.isPending
                  }
                >
                  {crewTexts.save}
                </Button>
              )}
              {!editor.isReadOnly && (
                <Button
                  kind="primary"
                  isDisabled={editor.reading.fault !== undefined || saveAndRun.isPending}
                  onPress={() => saveAndRun.mutate()}
                >
                  {editor.isDirty ? crewTexts.run.saveAndRun : crewTexts.run.open}
                </Button>
              )}
              <CrewMenu crewId={crewId} name={name} text={editor.text} editor={editor} />
            </>
          }
        >
          {isDraftShown && editor.isDirty && (
            <DraftNote
              onDiscard={() => {
                editor.reset(first);
                showDraft(false);
              }}
            />
          )}
          {saving.failure !== undefined && <Problem what={crewTexts.couldNotSave} error={saving.failure} />}
          <TabBar tabs={tabs} tab={tab} select={select} />
          {isEditing && <CrewEditor view={tab as EditorView} />}
          {tab === "versions" && crewId && (
            <CrewVersions crewId={crewId} onRestored={(saved) => editor.reset(saved)} isDirty={editor.isDirty} />
          )}
          {tab === "runs" && crewId && <CrewRuns crewId={crewId} />}
        </Page>
      </div>
      {running.isRunning && crewId && (
        <RunDialog crewId={crewId} crew={editor.crew} view={view.data} onClose={running.close} />
      )}
      {saving.conflict && (
        <ConflictDialog
          mine={editor.text}
          theirs={saving.conflict}
          onKeepMine={() => save(saving.conflict?.etag)}
          onTakeTheirs={() => {
            if (saving.conflict) editor.reset(saving.conflict);
            saving.settle();
          }}
          onClose={saving.settle}
        />
      )}
      <LeaveGuard isDirty={editor.isDirty} onLeave={() => forgetDraft(crewId)} />
    </EditorProvider>
  );
}

function Beside({
  isDirty,
  view,
}: {
  isDirty: boolean;
  view: { status: string; version: number; published_version: number | null } | undefined;
}) {
  return (
    <>
      {view && <span className={styles.version}>v{view.version}</span>}
      {view?.published_version != null && <Badge tone="accent">{crewTexts.published(view.published_version)}</Badge>}
      {view?.status === "configuring" && <Badge tone="warn">{crewTexts.configuring}</Badge>}
      {isDirty && <Badge tone="warn">{crewTexts.unsaved}</Badge>}
    </>
  );
}

function DraftNote({ onDiscard }: { onDiscard: () => void }) {
  return (
    <p className={styles.note} role="status">
      {crewTexts.draftKept}{" "}
      <Button small onPress={onDiscard}>
        {crewTexts.discard}
      </Button>
    </p>
  );
}

/** The views as links within the page: the panes stay where they are, only others come forward. */
function TabBar({ tabs, tab, select }: { tabs: readonly Tab[]; tab: Tab; select: (tab: Tab) => void }): ReactNode {
  return (
    <nav className={styles.tabs} aria-label={crewTexts.tabsLabel}>
      {tabs.map((each) => (
        <button key={each} type="button" aria-current={each === tab ? "page" : undefined} onClick={() => select(each)}>
          {crewTexts.tabs[each]}
        </button>
      ))}
    </nav>
  );
}
