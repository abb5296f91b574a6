import { defaultKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { crewTexts } from "../../texts/crews.ts";
import styles from "./editor.module.css";
import type { Editor } from "./editor-state.ts";
import { useEditor } from "./editor-state.ts";
import { placeName } from "./problems.ts";

/** The crew as YAML. It lives in a shadow tree, where its styles need no exception in the content security policy. */
export default function YamlPane() {
  const editor = useEditor();
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const latest = useRef(editor);
  latest.current = editor;

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
    const made = new EditorView({ root, parent: root, state: stateOf(latest) });
    view.current = made;
    return () => made.destroy();
  }, []);

  const { text, isReadOnly } = editor;
  useEffect(() => {
    const shown = view.current;
    if (shown && shown.state.doc.toString() !== text) shown.dispatch(difference(shown.state.doc.toString(), text));
  }, [text]);

  useEffect(() => {
    view.current?.dispatch({ effects: editable.reconfigure(EditorState.readOnly.of(isReadOnly)) });
  }, [isReadOnly]);

  const { reading, problems } = editor;
  useEffect(() => {
    const shown = view.current;
    if (shown) shown.dispatch(setDiagnostics(shown.state, diagnosticsOf(shown.state, { reading, problems })));
  }, [reading, problems]);

  const { focus } = editor;
  useEffect(() => {
    const shown = view.current;
    if (!shown || !focus) return;
    const line = shown.state.doc.line(Math.min(latest.current.reading.placeOf(focus).line, shown.state.doc.lines));
    shown.dispatch({
      selection: { anchor: line.from },
      effects: EditorView.scrollIntoView(line.from, { y: "center" }),
    });
  }, [focus]);

  return <div ref={host} className={styles.yaml} data-testid="yaml" />;
}

const editable = new Compartment();

function stateOf(latest: { current: Editor }): EditorState {
  return EditorState.create({
    doc: latest.current.text,
    extensions: [
      lineNumbers(),
      lintGutter(),
      highlightActiveLine(),
      bracketMatching(),
      yaml(),
      syntaxHighlighting(colours),
      look,
      indentUnit.of("  "),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ "aria-label": crewTexts.yaml, tabindex: "0" }),
      editable.of(EditorState.readOnly.of(latest.current.isReadOnly)),
      // Tab leaves the editor, as everywhere; Ctrl-] and Ctrl-[ indent.
      keymap.of(defaultKeymap),
      EditorView.updateListener.of((update) => {
        const written = update.state.doc.toString();
        if (update.docChanged && written !== latest.current.text) latest.current.edit(written, "yaml");
      }),
    ],
  });
}

/** The smallest change that makes one text of another, so that the cursor stays where it is. */
function difference(before: string, after: string) {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let end = 0;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  return { changes: { from: start, to: before.length - end, insert: after.slice(start, after.length - end) } };
}

function diagnosticsOf(state: EditorState, { reading, problems }: Pick<Editor, "reading" | "problems">): Diagnostic[] {
  const at = (line: number, column = 1) => {
    const found = state.doc.line(Math.min(Math.max(1, line), state.doc.lines));
    const from = Math.min(found.from + column - 1, found.to);
    return { from: from === found.to ? found.from : from, to: found.to };
  };
  const { fault } = reading;
  if (fault) return [{ ...at(fault.line, fault.column), severity: "error", message: fault.message }];
  return problems
    .map((problem): Diagnostic => {
      const { line, column } = reading.placeOf(problem.path);
      const severity = problem.kind === "wrong" ? "error" : problem.kind === "missing" ? "warning" : "info";
      return { ...at(line, column), severity, message: `${placeName(problem.path)}: ${problem.reason}` };
    })
    .sort((one, other) => one.from - other.from);
}

const colours = HighlightStyle.define([
  { tag: [tags.definition(tags.propertyName), tags.propertyName], color: "var(--accent)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.string, tags.content], color: "var(--text)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--muted)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "var(--text)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--muted)", border: "0" },
  ".cm-activeLine": { backgroundColor: "var(--hover)" },
  "&.cm-focused .cm-selectionBackground, ::selection": { backgroundColor: "var(--accent-soft)" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    color: "var(--text)",
    border: "1px solid var(--line)",
    borderRadius: "var(--radius)",
    maxWidth: "420px",
  },
  ".cm-diagnostic": { fontFamily: "var(--sans)", whiteSpace: "normal" },
  ".cm-lint-marker": { content: "none", width: "8px", height: "8px", borderRadius: "50%", margin: "6px auto 0" },
  ".cm-lint-marker-error": { backgroundColor: "var(--bad)" },
  ".cm-lint-marker-warning": { backgroundColor: "var(--warn)" },
  ".cm-lint-marker-info": { backgroundColor: "var(--accent)" },
  // The library's own underlines are images in data URLs, which the content security policy refuses.
  ".cm-lintRange": { backgroundImage: "none" },
  ".cm-lintRange-error": { textDecoration: "underline wavy var(--bad) 1px", textUnderlineOffset: "3px" },
  ".cm-lintRange-warning": { textDecoration: "underline wavy var(--warn) 1px", textUnderlineOffset: "3px" },
});
