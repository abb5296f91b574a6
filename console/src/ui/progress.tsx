import { names } from "./class-names.ts";
import styles from "./progress.module.css";

export interface ProgressProps {
  label: string;
  /** From 0 to 1; more is shown as full. */
  value: number;
  tone?: "accent" | "warn" | "bad";
}

export function Progress({ label, value, tone = "accent" }: ProgressProps) {
  const part = Math.min(1, Math.max(0, value));
  return (
    <span
      className={styles.track}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(part * 100)}
    >
      <span className={names(styles.bar, styles[tone])} style={{ transform: `scaleX(${part})` }} />
    </span>
  );
}
