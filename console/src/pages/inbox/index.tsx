import { useInfiniteQuery } from "@tanstack/react-query";
import { type RefObject, useEffect, useRef, useState } from "react";
import { useCrewName } from "../../api/crew-names.ts";
import { keys, useKasal } from "../../api/index.ts";
import { inSequence, isTaken } from "../../layout/shortcuts.ts";
import { QuestionCard } from "../../questions/index.ts";
import { commonTexts } from "../../texts/common.ts";
import { inboxTexts } from "../../texts/inbox.ts";
import { questionTexts } from "../../texts/questions.ts";
import { Badge, Button, Empty, Link, Page, Problem, SkeletonRows, toast } from "../../ui/index.ts";
import styles from "./inbox.module.css";
import { moveFocus, pressAnswer } from "./keyboard.ts";
import { merged, type Shown } from "./model.ts";

export default function InboxPage() {
  const kasal = useKasal();
  const list = useRef<HTMLUListElement>(null);
  const [dismissed, setDismissed] = useState<ReadonlySet<string>>(new Set());
  const questions = useInfiniteQuery({
    queryKey: [...keys.questions, "pages"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => kasal.get("/questions", { query: { page_size: 50, after: pageParam }, signal }),
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: 8_000,
    gcTime: 0,
  });
  useKeys(list);
  const shown = useShown(
    questions.data?.pages.flatMap((page) => page.questions),
    dismissed,
  );
  const total = questions.data?.pages.at(-1)?.total ?? 0;

  function dismiss(id: string) {
    moveFocus(list.current, 1, true);
    setDismissed((ids) => new Set([...ids, id]));
  }

  return (
    <Page
      title={commonTexts.pages.inbox}
      beside={total > 0 && <Badge tone="warn">{commonTexts.waiting(total)}</Badge>}
      lead={shown.length > 0 && <span className={styles.keys}>{inboxTexts.keys}</span>}
    >
      {questions.isError && (
        <Problem error={questions.error} what={inboxTexts.failed} onRetry={() => void questions.refetch()} />
      )}
      {questions.isPending && <SkeletonRows count={3} height="160px" />}
      {questions.isSuccess && !shown.length && <Empty title={inboxTexts.none}>{inboxTexts.noneText}</Empty>}
      <ul ref={list} className={styles.list} aria-label={inboxTexts.list}>
        {shown.map((each) => (
          <Item key={each.entry.question_id} shown={each} onDismiss={dismiss} />
        ))}
      </ul>
      {questions.hasNextPage && (
        <div>
          <Button isPending={questions.isFetchingNextPage} onPress={() => void questions.fetchNextPage()}>
            {commonTexts.more}
          </Button>
        </div>
      )}
    </Page>
  );
}

/** What is shown, from one reading to the next. */
function useShown(fresh: Parameters<typeof merged>[1] | undefined, dismissed: ReadonlySet<string>): Shown[] {
  const [state, setState] = useState<{ fresh: unknown; dismissed: unknown; shown: Shown[] }>({
    fresh: undefined,
    dismissed,
    shown: [],
  });
  const known = fresh?.map((entry) => entry.question_id).join(" ");
  if (fresh && (state.fresh !== known || state.dismissed !== dismissed)) {
    const shown = merged(state.shown, fresh, dismissed);
    setState({ fresh: known, dismissed, shown });
    return shown;
  }
  return state.shown;
}

/** J and K move between questions wherever the focus is; A, E and R act on the one that has it. */
function useKeys(list: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    function onKeyDown(event: KeyboardEvent) {
      if (inSequence() || isTaken(event)) return;
      const step = { j: 1, k: -1 }[event.key] as 1 | -1 | undefined;
      if (step ? moveFocus(list.current, step) : pressAnswer(document.activeElement, event.key)) event.preventDefault();
    }
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [list]);
}

function Item({ shown: { entry, open }, onDismiss }: { shown: Shown; onDismiss: (id: string) => void }) {
  const crewName = useCrewName();
  const id = entry.question_id;
  return (
    <li className={styles.item} data-question={id} tabIndex={-1}>
      <QuestionCard
        jobId={entry.job_id}
        question={entry}
        closed={!open}
        beside={<Link href={`/runs/${entry.job_id}?question=${id}`}>{crewName(entry.crew_id)}</Link>}
        onAnswered={(answer) => {
          toast(
            `${questionTexts.done[answer.outcome ?? "answered"]}: ${entry.tool_call?.tool ?? (entry.agent || crewName(entry.crew_id))}`,
          );
          onDismiss(id);
        }}
      />
      {!open && (
        <Button small onPress={() => onDismiss(id)}>
          {commonTexts.dismiss}
        </Button>
      )}
    </li>
  );
}
