import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { runTexts } from "../../texts/run.ts";
import { Button, icons, names } from "../../ui/index.ts";
import styles from "./compact.module.css";
import { Line } from "./line.tsx";
import { Folding, type Row, rowsOf, seqOf } from "./rows.ts";
import { stepOf } from "./tree-keys.ts";
import { useFollowing } from "./use-following.ts";
import { useModel, useStore } from "./use-run.ts";

/** Pixels of a line: none is higher or lower, so that nothing jumps while lines come. */
export const LINE = 32;

export interface ViewProps {
  names: ReadonlyMap<string, string>;
  seq: number | null;
  onSelect: (seq: number | null) => void;
}

/** A line for each task and each call. */
export function Compact({ names: taskNames, seq, onSelect }: ViewProps) {
  const { model } = useStore();
  const structure = useModel((changed) => changed.structure);
  const [folding, setFolding] = useState(() => new Folding());
  // biome-ignore lint/correctness/useExhaustiveDependencies: the model is changed in place; its structure tells when
  const rows = useMemo(() => rowsOf(model, folding), [model, folding, structure]);
  const scroller = useRef<HTMLDivElement>(null);
  const id = useId();
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    getItemKey: (index) => rows[index]!.key,
    overscan: 10,
  });
  const [cursor, setCursor] = useState<string | null>(null);
  const selected = useMemo(
    () => (seq === null ? -1 : indexOf(rows, model.spanAt(seq)?.seq ?? seq)),
    [rows, model, seq],
  );
  const at = Math.max(cursor === null ? -1 : rows.findIndex((row) => row.key === cursor), -1);
  const active = at >= 0 ? at : selected;
  const newest = useMemo(() => newestOf(rows, model.laneAt(model.lastSeq)?.id), [rows, model]);
  const following = useFollowing(scroller, !model.ended);

  useEffect(() => {
    if (following.on && newest >= 0) virtual.scrollToIndex(newest, { align: "auto" });
  }, [following.on, newest, virtual]);
  useShownOnce(selected, () => virtual.scrollToIndex(selected, { align: "center" }), following.stop);

  const move = (to: number) => {
    const row = rows[Math.min(Math.max(to, 0), rows.length - 1)];
    if (!row) return;
    following.stop();
    setCursor(row.key);
    virtual.scrollToIndex(rows.indexOf(row), { align: "auto" });
    if (seq !== null && seqOf(row) !== null) onSelect(seqOf(row));
  };
  const press = (event: KeyboardEvent) => {
    const page = Math.floor((scroller.current?.clientHeight ?? 320) / LINE) - 1;
    const step = event.altKey || event.ctrlKey || event.metaKey ? null : stepOf(event.key, rows, active, page);
    if (!step) return;
    event.preventDefault();
    if (step.act === "move") move(step.to);
    else if (step.act === "fold") setFolding(folding.with(step.lane, step.open));
    else onSelect(step.act === "close" ? null : seqOf(rows[active]!));
  };

  return (
    <div className={styles.view}>
      <div className={styles.bar}>
        <Button small kind="quiet" onPress={() => setFolding(folding.withAll(true))}>
          {runTexts.expandAll}
        </Button>
        <Button small kind="quiet" onPress={() => setFolding(folding.withAll(false))}>
          {runTexts.collapseAll}
        </Button>
        {following.possible && (
          <Button small kind="quiet" isDisabled={following.on} onPress={following.start}>
            {following.on ? runTexts.following : runTexts.follow}
          </Button>
        )}
      </div>
      <div
        ref={scroller}
        className={styles.scroller}
        role="tree"
        tabIndex={0}
        aria-label={runTexts.lines}
        aria-activedescendant={active >= 0 ? `${id}${rows[active]?.key}` : undefined}
        onKeyDown={press}
      >
        {rows.length === 0 && <p className={styles.empty}>{runTexts.empty}</p>}
        <div role="presentation" style={{ height: virtual.getTotalSize() }} className={styles.canvas}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index]!;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the tree around it has the keys
              <div
                key={item.key}
                id={id + row.key}
                role="treeitem"
                tabIndex={-1}
                aria-level={row.depth + 1}
                aria-selected={item.index === selected}
                aria-expanded={row.kind === "lane" ? row.open : undefined}
                aria-setsize={rows.length}
                aria-posinset={item.index + 1}
                data-kind={row.kind}
                data-seq={seqOf(row) ?? undefined}
                className={names(
                  styles.row,
                  item.index === active && styles.active,
                  item.index === selected && styles.selected,
                )}
                style={{ transform: `translateY(${item.start}px)`, paddingInlineStart: 8 + row.depth * 20 }}
                onClick={() => {
                  setCursor(row.key);
                  following.stop();
                  if (seqOf(row) !== null) onSelect(seqOf(row));
                }}
              >
                {row.kind === "lane" ? (
                  <button
                    type="button"
                    tabIndex={-1}
                    aria-hidden="true"
                    className={names(styles.fold, row.open && styles.open)}
                    onClick={(event) => {
                      event.stopPropagation();
                      setFolding(folding.with(row.lane.id, !row.open));
                    }}
                  >
                    <icons.ChevronIcon size={14} />
                  </button>
                ) : null}
                <Line row={row} name={row.kind === "lane" ? laneName(row.lane, taskNames) : ""} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** What a task is called: by its name, else by what it is to do. */
export function laneName(
  lane: { id: string; itemOf: string | null; title: string },
  taskNames: ReadonlyMap<string, string>,
): string {
  const name = taskNames.get(lane.id);
  if (name) return name;
  if (lane.itemOf === null) return lane.title || lane.id;
  const whole = taskNames.get(lane.itemOf);
  const place = lane.id.slice(lane.itemOf.length + 1);
  return whole ? `${whole} ${Number(place) + 1}` : lane.title || `#${Number(place) + 1}`;
}

function indexOf(rows: readonly Row[], seq: number): number {
  const exact = rows.findIndex((row) => seqOf(row) === seq && row.kind !== "live");
  return exact >= 0 ? exact : rows.findIndex((row) => row.kind === "lane" && row.lane.endSeq === seq);
}

/** The line of what has happened last. */
function newestOf(rows: readonly Row[], laneId: string | undefined): number {
  if (laneId === undefined) return -1;
  for (let at = rows.length - 1; at >= 0; at--) {
    const row = rows[at]!;
    const lane = row.kind === "note" ? undefined : row.kind === "span" ? row.span.lane : row.lane;
    if (lane?.id === laneId) return at;
  }
  return -1;
}

/** Scrolls to what a link points at as soon as it is there, and never again. */
function useShownOnce(index: number, show: () => void, before: () => void): void {
  const shown = useRef(false);
  useEffect(() => {
    if (shown.current || index < 0) return;
    shown.current = true;
    before();
    show();
  });
}
