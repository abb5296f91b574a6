import { diffLines } from "diff";
import { useMemo } from "react";
import { names } from "../ui/index.ts";
import styles from "./questions.module.css";

/** More edits than a person makes by hand, beyond which looking for the smallest difference takes too long. */
const MOST_EDITS = 400;

/** The lines that differ between two texts, each with a sign, so that colour is not all that tells. */
export function Diff({ before, after, label }: { before: string; after: string; label: string }) {
  const parts = useMemo(
    () =>
      diffLines(`${before}\n`, `${after}\n`, { maxEditLength: MOST_EDITS }) ?? [
        { value: before, removed: true, added: false, count: 0 },
        { value: after, removed: false, added: true, count: 0 },
      ],
    [before, after],
  );
  let at = 0;
  return (
    <section className={styles.diff} aria-label={label}>
      {parts.map((part) => {
        at += part.value.length + 1;
        const sign = part.added ? "+" : part.removed ? "−" : " ";
        const lines = part.value.replace(/\n$/, "").split("\n");
        return (
          <pre key={`${sign}${at}`} className={names(part.added && styles.added, part.removed && styles.removed)}>
            {lines.map((line) => `${sign} ${line}`).join("\n")}
          </pre>
        );
      })}
    </section>
  );
}
