import type { Schemas } from "@kasal/client";
import type { ReactNode } from "react";
import { statusTexts } from "../texts/status.ts";
import styles from "./badge.module.css";
import { names } from "./class-names.ts";

export type Tone = "neutral" | "accent" | "ok" | "warn" | "bad";

export function Badge({ tone = "neutral", children }: { tone?: Tone; children: ReactNode }) {
  return <span className={names(styles.badge, styles[tone])}>{children}</span>;
}

export type RunStatus = Schemas["ExecutionStatus"];

const TONES: Record<RunStatus, Tone> = {
  queued: "neutral",
  running: "accent",
  waiting_for_input: "warn",
  completed: "ok",
  failed: "bad",
  stopped: "neutral",
};

/** The status of a run. A status that this console does not know yet is shown as it is. */
export function Status({ status }: { status: string }) {
  const known = status in TONES ? (status as RunStatus) : undefined;
  return (
    <span className={names(styles.status, styles[known ? TONES[known] : "neutral"])}>
      <span className={names(styles.dot, styles[status])} aria-hidden="true" />
      {known ? statusTexts[known] : status}
    </span>
  );
}
