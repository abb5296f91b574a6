import { KasalError } from "@kasal/client";
import { adviceTexts, commonTexts } from "../texts/common.ts";
import { Button } from "./button.tsx";
import { Copy } from "./copy.tsx";
import styles from "./problem.module.css";

export interface ProblemProps {
  error: unknown;
  /** What was tried: "The runs could not be read." */
  what?: string;
  onRetry?: () => void;
}

/** An error as people need it: what happened, what to do, and the number of the request for whoever helps. */
export function Problem({ error, what, onRetry }: ProblemProps) {
  const known = error instanceof KasalError ? error : undefined;
  const message = error instanceof Error ? error.message : String(error);
  const advice = known && adviceTexts[known.code];
  return (
    <div className={styles.problem} role="alert">
      <p className={styles.what}>{what ?? message}</p>
      {what && <p>{message}</p>}
      {advice && <p>{advice}</p>}
      <Faults details={known?.details} />
      <div className={styles.foot}>
        {onRetry && (
          <Button small onPress={onRetry}>
            {commonTexts.retry}
          </Button>
        )}
        {known?.requestId && (
          <span className={styles.request}>
            {commonTexts.requestId} <code>{known.requestId}</code> <Copy text={known.requestId} />
          </span>
        )}
      </div>
    </div>
  );
}

interface Fault {
  field?: unknown;
  reason?: unknown;
}

function Faults({ details }: { details: Record<string, unknown> | undefined }) {
  const errors = details?.errors;
  const faults: Fault[] = Array.isArray(errors) ? errors.slice(0, 20) : [];
  if (!faults.length) return null;
  return (
    <ul className={styles.faults}>
      {faults.map((fault) => (
        <li key={`${fault.field}:${fault.reason}`}>
          <code>{String(fault.field)}</code> {String(fault.reason ?? "")}
        </li>
      ))}
    </ul>
  );
}
