import { useSyncExternalStore } from "react";
import { commonTexts } from "../texts/common.ts";
import { IconButton } from "./button.tsx";
import { names } from "./class-names.ts";
import { CloseIcon } from "./icons.tsx";
import styles from "./toasts.module.css";

export type ToastTone = "plain" | "bad";

interface Toast {
  id: number;
  text: string;
  tone: ToastTone;
}

/** More would cover the page; the oldest goes. */
const MOST = 4;
const SHOWN_MS = 6000;

let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function show(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Says something that needs no answer. Bad news stay until they are dismissed. */
export function toast(text: string, tone: ToastTone = "plain"): void {
  const id = ++lastId;
  show([...toasts, { id, text, tone }].slice(-MOST));
  if (tone === "plain") setTimeout(() => dismiss(id), SHOWN_MS);
}

function dismiss(id: number): void {
  show(toasts.filter((each) => each.id !== id));
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className={styles.toasts} role="status" aria-live="polite" aria-label={commonTexts.notifications}>
      {shown.map((each) => (
        <div key={each.id} className={names(styles.toast, each.tone === "bad" && styles.bad)}>
          <span>{each.text}</span>
          <IconButton small label={commonTexts.dismiss} onPress={() => dismiss(each.id)}>
            <CloseIcon size={12} />
          </IconButton>
        </div>
      ))}
    </div>
  );
}
