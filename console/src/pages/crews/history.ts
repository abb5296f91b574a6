/** A text with what it was before, and what was undone. */
export interface History {
  text: string;
  past: readonly string[];
  future: readonly string[];
  /** What the last edit changed, and when: edits of the same in quick succession are undone together. */
  key: string | undefined;
  at: number;
}

export type Action =
  | { kind: "edit"; text: string; key: string; at: number }
  | { kind: "undo" }
  | { kind: "redo" }
  | { kind: "reset"; text: string };

const MOST = 200;
const TOGETHER_MS = 1000;

export function started(text: string): History {
  return { text, past: [], future: [], key: undefined, at: 0 };
}

export function reduce(history: History, action: Action): History {
  const { text, past, future } = history;
  if (action.kind === "reset") return started(action.text);
  if (action.kind === "undo") {
    const before = past.at(-1);
    if (before === undefined) return history;
    return { text: before, past: past.slice(0, -1), future: [text, ...future], key: undefined, at: 0 };
  }
  if (action.kind === "redo") {
    const [after, ...rest] = future;
    if (after === undefined) return history;
    return { text: after, past: [...past, text], future: rest, key: undefined, at: 0 };
  }
  if (action.text === text) return history;
  const together = action.key === history.key && action.at - history.at < TOGETHER_MS;
  const kept = together ? past : [...past, text].slice(-MOST);
  return { text: action.text, past: kept, future: [], key: action.key, at: action.at };
}
