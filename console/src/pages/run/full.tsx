import type { TraceEvent } from "@kasal/client";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { runTexts } from "../../texts/run.ts";
import { Button, Field, formats, names, Select } from "../../ui/index.ts";
import { LINE, laneName, type ViewProps } from "./compact.tsx";
import styles from "./full.module.css";
import { type Filter, Found, textOf } from "./search.ts";
import { useFollowing } from "./use-following.ts";
import { useModel, useStore } from "./use-run.ts";

const ALL = "";

/** Every event, as it was told; only those in sight are in the page. */
export function Full({ names: taskNames, seq, onSelect }: ViewProps) {
  const { model } = useStore();
  const last = useModel((changed) => changed.lastSeq);
  const [filter, setFilter] = useState<Filter>({ type: ALL, task: ALL, text: "" });
  const wanted = useDeferredValue(filter);
  const found = useMemo(() => new Found(wanted), [wanted]);
  const events = useMemo(() => found.upTo(model.events, last), [found, model, last]);
  const scroller = useRef<HTMLDivElement>(null);
  const id = useId();
  const following = useFollowing(scroller, !model.ended);
  const virtual = useVirtualizer({
    count: events.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 10,
  });
  const active = useMemo(() => (seq === null ? -1 : placeOf(events, seq)), [events, seq]);
  useEffect(() => {
    if (following.on && events.length) virtual.scrollToIndex(events.length - 1, { align: "end" });
  }, [following.on, events.length, virtual]);
  const shown = useRef(false);
  useEffect(() => {
    if (shown.current || active < 0) return;
    shown.current = true;
    following.stop();
    virtual.scrollToIndex(active, { align: "center" });
  });

  const press = (event: KeyboardEvent) => {
    const page = Math.floor((scroller.current?.clientHeight ?? 320) / LINE) - 1;
    const steps: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: events.length - 1,
    };
    if (event.key === "Escape") return onSelect(null);
    const to = steps[event.key];
    if (to === undefined || !events.length) return;
    event.preventDefault();
    following.stop();
    const place = Math.min(Math.max(to, 0), events.length - 1);
    virtual.scrollToIndex(place, { align: "auto" });
    onSelect(events[place]!.seq);
  };

  return (
    <div className={styles.view}>
      <search className={styles.bar}>
        <Field
          label={runTexts.full.search}
          type="search"
          value={filter.text}
          onChange={(text) => setFilter({ ...filter, text })}
        />
        <Select
          label={runTexts.full.type}
          options={[{ id: ALL, text: runTexts.full.allTypes }, ...TYPES]}
          selectedKey={filter.type}
          onSelectionChange={(type) => setFilter({ ...filter, type: String(type ?? ALL) })}
        />
        <Select
          label={runTexts.full.task}
          options={[
            { id: ALL, text: runTexts.full.allTasks },
            ...model.lanes.map((lane) => ({ id: lane.id, text: laneName(lane, taskNames) })),
          ]}
          selectedKey={filter.task}
          onSelectionChange={(task) => setFilter({ ...filter, task: String(task ?? ALL) })}
        />
        <span className={styles.count} role="status">
          {runTexts.full.found(events.length, last)}
        </span>
        {following.possible && (
          <Button small kind="quiet" isDisabled={following.on} onPress={following.start}>
            {following.on ? runTexts.following : runTexts.follow}
          </Button>
        )}
      </search>
      <div
        ref={scroller}
        className={styles.scroller}
        role="listbox"
        tabIndex={0}
        aria-label={runTexts.full.label}
        aria-activedescendant={active >= 0 ? `${id}${seq}` : undefined}
        onKeyDown={press}
      >
        {events.length === 0 && last > 0 && <p className={styles.empty}>{runTexts.full.none}</p>}
        <div role="presentation" className={styles.canvas} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const event = events[item.index]!;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the list around it has the keys
              <div
                key={event.seq}
                id={id + event.seq}
                role="option"
                tabIndex={-1}
                aria-selected={event.seq === seq}
                aria-setsize={events.length}
                aria-posinset={item.index + 1}
                data-seq={event.seq}
                className={names(styles.row, event.seq === seq && styles.selected)}
                style={{ transform: `translateY(${item.start}px)` }}
                onClick={() => onSelect(event.seq)}
              >
                <EventLine
                  event={event}
                  begin={model.times[0]!}
                  at={model.times[event.seq - 1]!}
                  task={nameIn(model.laneAt(event.seq), taskNames)}
                />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function EventLine({ event, begin, at, task }: { event: TraceEvent; begin: number; at: number; task: string }) {
  return (
    <>
      <span className={styles.seq}>{event.seq}</span>
      <span className={styles.time} title={event.timestamp}>
        +{formats.duration(at - begin)}
      </span>
      <span className={styles.type} data-type={event.type}>
        {runTexts.types[event.type] ?? event.type}
      </span>
      <span className={styles.task}>{task}</span>
      <span className={styles.text}>{textOf(event)}</span>
    </>
  );
}

function nameIn(lane: Parameters<typeof laneName>[0] | undefined, taskNames: ReadonlyMap<string, string>): string {
  return lane ? laneName(lane, taskNames) : "";
}

function placeOf(events: readonly TraceEvent[], seq: number): number {
  let low = 0;
  let high = events.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = events[middle]!.seq;
    if (found === seq) return middle;
    if (found < seq) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

const TYPES = Object.keys(runTexts.types).map((id) => ({ id, text: runTexts.types[id]! }));
