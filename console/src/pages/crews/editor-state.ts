import { useQueryClient } from "@tanstack/react-query";
import { createContext, useCallback, useContext, useEffect, useMemo, useReducer, useState } from "react";
import { kasal, keys, useMay } from "../../api/index.ts";
import { forgetDraft, keepDraft } from "./drafts.ts";
import { reduce, started } from "./history.ts";
import { type Entry, type Path, type Reading, read, withValue } from "./model.ts";
import { lacksOf, notesOf, type Problem, problemsOf } from "./problems.ts";

/** A crew's text as the platform has it. A crew that was never saved has no tag. */
export interface Saved {
  text: string;
  etag: string | undefined;
}

export interface Editor {
  crewId: string | undefined;
  text: string;
  saved: Saved;
  isDirty: boolean;
  isReadOnly: boolean;
  reading: Reading;
  /** What the text says; while it is no YAML, what it said before. */
  crew: Entry;
  problems: readonly Problem[];
  /** Whether the platform is being asked what is wrong. */
  isChecking: boolean;
  /** A request that failed for another reason than what the text says. */
  failure: unknown;
  canUndo: boolean;
  canRedo: boolean;
  edit: (text: string, key: string) => void;
  set: (path: Path, value: unknown) => void;
  undo: () => void;
  redo: () => void;
  /** Takes what the platform has now. */
  reset: (saved: Saved, text?: string) => void;
  /** Where the reader is to look. */
  focus: Path | undefined;
  reveal: (path: Path | undefined) => void;
}

const EditorContext = createContext<Editor | undefined>(undefined);
export const EditorProvider = EditorContext.Provider;

export function useEditor(): Editor {
  const editor = useContext(EditorContext);
  if (!editor) throw new Error("There is no editor around this.");
  return editor;
}

/** How long nothing was written before the platform is asked what is wrong. */
const QUIET_MS = 600;

/** The state of an editor: one text, of which form, YAML and graph are views. */
export function useEditorState(crewId: string | undefined, first: Saved, draft: string | undefined): Editor {
  const [history, dispatch] = useReducer(reduce, draft ?? first.text, started);
  const [saved, setSaved] = useState(first);
  const [focus, reveal] = useState<Path>();
  const { text } = history;
  const reading = useMemo(() => read(text), [text]);
  const crew = useLastGood(reading);
  const isDirty = text !== saved.text;
  const mayEdit = useMay("editor");
  const check = useCheck(crewId, text, reading, mayEdit);

  useEffect(() => {
    if (isDirty) keepDraft(crewId, text, saved.etag);
    else forgetDraft(crewId);
  }, [crewId, text, isDirty, saved.etag]);

  const edit = useCallback(
    (next: string, key: string) => dispatch({ kind: "edit", text: next, key, at: Date.now() }),
    [],
  );
  const set = useCallback(
    (path: Path, value: unknown) => edit(withValue(text, path, value), path.join(".")),
    [text, edit],
  );
  const reset = useCallback((next: Saved, kept?: string) => {
    setSaved(next);
    if (kept === undefined) dispatch({ kind: "reset", text: next.text });
  }, []);
  const undo = useCallback(() => dispatch({ kind: "undo" }), []);
  const redo = useCallback(() => dispatch({ kind: "redo" }), []);
  return {
    ...{ crewId, text, saved, isDirty, reading, crew, edit, set, reset, undo, redo, focus, reveal, ...check },
    isReadOnly: !mayEdit,
    canUndo: history.past.length > 0,
    canRedo: history.future.length > 0,
  };
}

function useLastGood(reading: Reading): Entry {
  const [good, setGood] = useState(reading.crew);
  if (!reading.fault && good !== reading.crew) setGood(reading.crew);
  return reading.fault ? good : reading.crew;
}

interface Check {
  of: string | undefined;
  problems: readonly Problem[];
  failure: unknown;
}

const NOTHING: Check = { of: undefined, problems: [], failure: undefined };

/** Asks the platform what is wrong with a text, once nothing has been written for a moment. */
function useCheck(crewId: string | undefined, text: string, reading: Reading, mayEdit: boolean) {
  const [check, setCheck] = useState(NOTHING);
  const isReadable = !reading.fault;
  useEffect(() => {
    if (!isReadable || !mayEdit) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      send(text, { dry_run: true, crew_id: crewId }, { signal: stop.signal }).then(
        ({ missing, warnings }) =>
          setCheck({ of: text, problems: [...lacksOf(missing), ...notesOf(warnings)], failure: undefined }),
        (error) => {
          if (stop.signal.aborted) return;
          const problems = problemsOf(error);
          setCheck({ of: text, problems, failure: problems.length ? undefined : error });
        },
      );
    }, QUIET_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [crewId, text, isReadable, mayEdit]);
  return { problems: check.problems, failure: check.failure, isChecking: isReadable && mayEdit && check.of !== text };
}

interface Sending {
  signal?: AbortSignal;
  etag?: string | undefined;
}

/** Sends a text as a crew: to make one, to change one, or to hear what that would do. */
export async function send(
  text: string,
  query: { dry_run?: boolean; crew_id?: string | undefined },
  more: Sending = {},
) {
  const headers: Record<string, string> = { "Content-Type": "application/yaml" };
  if (more.etag) headers["If-Match"] = more.etag;
  const answer = await kasal.post("/crews/import", { body: text as never, query, headers, ...signalOf(more) });
  return answer;
}

function signalOf({ signal }: Sending) {
  return signal ? { signal } : {};
}

/** Reads a crew's text as the platform writes it. */
export async function loadText(crewId: string, signal?: AbortSignal, version?: number): Promise<Saved> {
  const response = await kasal.send("GET", "/crews/{crew_id}/export", {
    path: { crew_id: crewId },
    query: { version },
    headers: { Accept: "application/yaml" },
    ...(signal ? { signal } : {}),
  });
  return { text: await response.text(), etag: response.headers.get("ETag") ?? undefined };
}

/** Forgets what was read of a crew, after it was changed. */
export function useForgetCrew() {
  const client = useQueryClient();
  return useCallback(
    async (crewId: string) => {
      await Promise.all([
        client.invalidateQueries({ queryKey: keys.crew(crewId) }),
        client.invalidateQueries({ queryKey: keys.allCrews }),
      ]);
    },
    [client],
  );
}
