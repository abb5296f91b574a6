import { useMemo } from "react";
import { Copy } from "./copy.tsx";
import styles from "./json.module.css";

/** More characters than anybody reads here; the copy has all of them. */
const SHOWN = 20_000;

/** A value as indented JSON; a text as itself. */
export function Json({ value, label = "JSON" }: { value: unknown; label?: string }) {
  const text = useMemo(() => (typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "")), [value]);
  const cut = text.length > SHOWN;
  return (
    <div className={styles.json}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <section className={styles.text} tabIndex={0} aria-label={label}>
        <pre>
          {cut ? `${text.slice(0, SHOWN)}\n… (${(text.length - SHOWN).toLocaleString("en-US")} more characters)` : text}
        </pre>
      </section>
      <div className={styles.copy}>
        <Copy text={text} />
      </div>
    </div>
  );
}
