import { useMemo } from "react";
import { crewTexts } from "../../texts/crews.ts";
import { diffRows } from "./line-diff.ts";
import styles from "./side-by-side.module.css";

interface SideBySideProps {
  before: string;
  after: string;
  titles: readonly [string, string];
}

/** Two texts beside each other, with what is different in them. */
export default function SideBySide({ before, after, titles }: SideBySideProps) {
  const rows = useMemo(() => diffRows(before, after), [before, after]);
  if (!rows.some((row) => row.kind === "changed")) return <p>{crewTexts.diff.same}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must reach it
    <section className={styles.scroll} tabIndex={0} aria-label={crewTexts.diff.label(titles[0], titles[1])}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col" colSpan={2}>
              {titles[0]}
            </th>
            <th scope="col" colSpan={2}>
              {titles[1]}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) =>
            row.kind === "gap" ? (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other identity
              <tr key={at} className={styles.gap}>
                <td colSpan={4}>{crewTexts.diff.skipped(row.skipped ?? 0)}</td>
              </tr>
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other identity
              <tr key={at} data-kind={row.kind}>
                <td className={styles.line}>{row.before?.line}</td>
                <td className={styles.gone}>{row.before?.text}</td>
                <td className={styles.line}>{row.after?.line}</td>
                <td className={styles.come}>{row.after?.text}</td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </section>
  );
}
