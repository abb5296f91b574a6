import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { keys, useKasal } from "../../api/index.ts";
import { useWaiting } from "../../layout/use-waiting.ts";
import { homeTexts } from "../../texts/home.ts";
import { formats, Link, Progress, Skeleton, useNow } from "../../ui/index.ts";
import type { Run } from "../runs/model.ts";
import styles from "./home.module.css";
import { failuresOf, spendingOf } from "./model.ts";

/** What is going on, in four figures, each with the way to more. */
export function Figures({ live, failed }: { live: readonly Run[]; failed: readonly Run[] | undefined }) {
  const waiting = useWaiting();
  const now = useNow(60_000);
  const moving = live.filter((run) => run.status !== "waiting_for_input").length;
  return (
    <div className={styles.figures}>
      <Figure href="/runs?status=running" title={homeTexts.running} value={formats.count(moving)} />
      <Figure
        href="/inbox"
        title={homeTexts.waiting}
        value={waiting === undefined ? undefined : formats.count(waiting)}
        tone={waiting ? styles.warn : undefined}
      />
      <Figure
        href="/runs?status=failed&since=day"
        title={homeTexts.failedRuns}
        value={failed && failuresOf(failed, now)}
      />
      <Cost />
    </div>
  );
}

function Cost() {
  const kasal = useKasal();
  const usage = useQuery({
    queryKey: keys.usage({}),
    queryFn: ({ signal }) => kasal.get("/analytics/usage", { signal }),
    refetchInterval: 60_000,
  });
  const budget = useQuery({
    queryKey: keys.budget,
    queryFn: ({ signal }) => kasal.get("/workspace/budget", { signal }),
    refetchInterval: 60_000,
  });
  const { part, tone } = spendingOf(budget.data);
  const limit = budget.data?.max_cost_usd;
  const value = usage.data && formats.money(usage.data.cost_usd);
  return (
    <Figure
      href="/usage"
      title={homeTexts.cost}
      value={value}
      more={
        part === undefined ? (
          usage.data && homeTexts.tokens(formats.tokens(usage.data.tokens_used))
        ) : (
          <>
            {limit !== null && limit !== undefined
              ? homeTexts.ofBudget(formats.money(limit))
              : homeTexts.ofTokens(Math.round(part * 100))}
            <Progress label={homeTexts.budgetUsed} value={part} tone={tone} />
          </>
        )
      }
    />
  );
}

interface FigureProps {
  href: string;
  title: string;
  value: string | undefined;
  more?: ReactNode;
  tone?: string | undefined;
}

function Figure({ href, title, value, more, tone }: FigureProps) {
  return (
    <Link href={href} className={styles.figure}>
      <span className={styles.title}>{title}</span>
      <span className={`${styles.value} ${tone ?? ""}`}>{value ?? <Skeleton width="48px" height="28px" />}</span>
      <span className={styles.detail}>{more}</span>
    </Link>
  );
}
