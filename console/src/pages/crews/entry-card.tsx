import { type ReactNode, useEffect, useRef } from "react";
import { crewTexts } from "../../texts/crews.ts";
import { Badge, IconButton, icons } from "../../ui/index.ts";
import styles from "./editor.module.css";
import { useEditor } from "./editor-state.ts";
import { withMoved } from "./model.ts";
import { problemsAt } from "./problems.ts";

interface EntryCardProps {
  list: "agents" | "tasks";
  index: number;
  count: number;
  title: string;
  more: ReactNode;
  isOpen: boolean;
  onToggle: (open: boolean) => void;
  onRemove: () => void;
  children: ReactNode;
}

/** An agent or a task: a line that opens to its fields. */
export function EntryCard({ list, index, count, title, more, isOpen, onToggle, onRemove, children }: EntryCardProps) {
  const editor = useEditor();
  const card = useRef<HTMLDivElement>(null);
  const found = problemsAt(editor.problems, [list, index]).filter((each) => each.kind !== "note");
  const isWanted = editor.focus?.[0] === list && editor.focus[1] === index;
  useScrolling(card, isWanted, editor.focus, () => onToggle(true));
  const move = (to: number) => editor.edit(withMoved(editor.text, list, index, to), `${list}.order`);
  const isFixed = editor.isReadOnly || editor.reading.fault !== undefined;
  return (
    <div ref={card} className={styles.card} data-path={`${list}.${index}`} data-wrong={found.length > 0 || undefined}>
      <div className={styles.cardHead}>
        <button type="button" className={styles.cardTitle} aria-expanded={isOpen} onClick={() => onToggle(!isOpen)}>
          <span className={styles.number}>{index + 1}</span>
          <span className={styles.cardName}>{title}</span>
          <span className={styles.cardMore}>{more}</span>
          {found.length > 0 && (
            <Badge tone={found[0]?.kind === "wrong" ? "bad" : "warn"}>{crewTexts.problems(found.length)}</Badge>
          )}
        </button>
        {!isFixed && (
          <div className={styles.cardTools}>
            <IconButton small label={crewTexts.up(title)} isDisabled={index === 0} onPress={() => move(index - 1)}>
              <span className={styles.turned}>
                <icons.ChevronIcon size={14} />
              </span>
            </IconButton>
            <IconButton
              small
              label={crewTexts.down(title)}
              isDisabled={index === count - 1}
              onPress={() => move(index + 1)}
            >
              <icons.ChevronIcon size={14} />
            </IconButton>
            <IconButton small label={crewTexts.remove(title)} onPress={onRemove}>
              <icons.TrashIcon size={14} />
            </IconButton>
          </div>
        )}
      </div>
      {isOpen && <div className={styles.cardBody}>{children}</div>}
    </div>
  );
}

/** Brings what the reader was sent to into view, with the focus in its field. */
function useScrolling(card: { current: HTMLElement | null }, isWanted: boolean, focus: unknown, open: () => void) {
  const opens = useRef(open);
  opens.current = open;
  useEffect(() => {
    if (!isWanted || !Array.isArray(focus)) return;
    opens.current();
    requestAnimationFrame(() => {
      const whole = card.current;
      const place =
        whole?.querySelector(`[data-path="${CSS.escape(focus.join(".")).replaceAll("\\.", ".")}"]`) ?? whole;
      place?.scrollIntoView({ block: "nearest", behavior: "smooth" });
      if (focus.length > 2)
        place?.querySelector<HTMLElement>("input, textarea, button")?.focus({ preventScroll: true });
    });
  }, [card, isWanted, focus]);
}
