import { lazy, type ReactNode, Suspense } from "react";
import { crewTexts } from "../../texts/crews.ts";
import { Button, Problem as ProblemView, Skeleton } from "../../ui/index.ts";
import { CrewForm } from "./crew-form.tsx";
import styles from "./editor.module.css";
import { useEditor } from "./editor-state.ts";
import { placeName } from "./problems.ts";

const YamlPane = lazy(() => import("./yaml-pane.tsx"));
const GraphPane = lazy(() => import("./graph-pane.tsx"));

export type EditorView = "form" | "yaml" | "graph";

/** Form, YAML and graph of one crew: beside one another where there is room, else the chosen one. */
export function CrewEditor({ view }: { view: EditorView }) {
  return (
    <div className={styles.editor}>
      <StatusLine />
      <div className={styles.panes} data-view={view}>
        <Pane name="form" label={crewTexts.tabs.form}>
          <CrewForm />
        </Pane>
        <div className={styles.side}>
          <Pane name="graph" label={crewTexts.graph}>
            <Suspense fallback={<Skeleton height="200px" />}>
              <GraphPane />
            </Suspense>
          </Pane>
          <Pane name="yaml" label={crewTexts.yaml}>
            <Suspense fallback={<Skeleton height="200px" />}>
              <YamlPane />
            </Suspense>
            <p className={styles.help}>{crewTexts.commentsStay}</p>
          </Pane>
        </div>
      </div>
    </div>
  );
}

function Pane({ name, label, children }: { name: EditorView; label: string; children: ReactNode }) {
  return (
    <section className={styles.pane} data-pane={name} aria-label={label}>
      {children}
    </section>
  );
}

/** What is wrong, and the way to it. */
function StatusLine() {
  const editor = useEditor();
  const { fault } = editor.reading;
  const found = editor.problems;
  return (
    <div className={styles.status}>
      <div className={styles.statusHead}>
        <span role="status" className={styles.statusText}>
          {statusText(editor.isChecking, fault ? 1 : found.filter((each) => each.kind !== "note").length)}
        </span>
        {!editor.isReadOnly && (
          <span className={styles.statusTools}>
            <Button small kind="quiet" isDisabled={!editor.canUndo} onPress={editor.undo}>
              {crewTexts.undo}
            </Button>
            <Button small kind="quiet" isDisabled={!editor.canRedo} onPress={editor.redo}>
              {crewTexts.redo}
            </Button>
          </span>
        )}
      </div>
      {fault && (
        <ul className={styles.problems}>
          <li className={styles.bad}>
            <strong>{crewTexts.yamlFault(fault.line, fault.column)}</strong> {fault.message}
          </li>
        </ul>
      )}
      {!fault && found.length > 0 && (
        <ul className={styles.problems}>
          {found.slice(0, 20).map((problem) => (
            <li key={`${problem.path.join(".")}:${problem.reason}`} data-kind={problem.kind}>
              <button type="button" onClick={() => editor.reveal([...problem.path])}>
                {placeName(problem.path)}
              </button>{" "}
              {problem.reason}
            </li>
          ))}
        </ul>
      )}
      {editor.failure !== undefined && <ProblemView what={crewTexts.couldNotCheck} error={editor.failure} />}
    </div>
  );
}

function statusText(isChecking: boolean, count: number): string {
  if (count) return crewTexts.problems(count);
  return isChecking ? crewTexts.checking : crewTexts.noProblems;
}
