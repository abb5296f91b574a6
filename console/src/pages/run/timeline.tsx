import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useId, useMemo, useRef, useState } from "react";
import { runTexts } from "../../texts/run.ts";
import { Button, Checkbox, formats, IconButton, icons } from "../../ui/index.ts";
import { laneName, type ViewProps } from "./compact.tsx";
import { type Bar, barAt, LANE, laneRows, neighbour, type View } from "./geometry.ts";
import { Mark, nameOf, Took } from "./line.tsx";
import { type Colors, colorsOf, paintAxis, paintLanes, type Scene } from "./paint.ts";
import { Folding } from "./rows.ts";
import { panned, Scale, steppedEnd, type Window, zoomed } from "./scale.ts";
import type { Span } from "./spans.ts";
import styles from "./timeline.module.css";
import { useFollowing } from "./use-following.ts";
import { useModel, useStore } from "./use-run.ts";

const AXIS = 44;
/** Pixels that are drawn above and below what is in sight, so that scrolling needs no drawing at once. */
const BEYOND = 400;
/** Milliseconds between two drawings of bars that grow. */
const PACE = 66;

/** Lanes over time: a bar for each call, with what the whole run was doing above them. */
export function Timeline({ names, seq, onSelect }: ViewProps) {
  const { model } = useStore();
  const structure = useModel((changed) => changed.structure);
  const [folding, setFolding] = useState(() => new Folding());
  // biome-ignore lint/correctness/useExhaustiveDependencies: the model is changed in place; its structure tells when
  const rows = useMemo(() => laneRows(model, folding), [model, folding, structure]);
  const [shorten, setShorten] = useState(true);
  const [window, setWindow] = useState<Window | null>(null);
  const [hover, setHover] = useState<{ bar: Bar; x: number; y: number } | null>(null);
  const selected = seq === null ? undefined : model.spanAt(seq);
  const scroller = useRef<HTMLDivElement>(null);
  const following = useFollowing(scroller, !model.ended);
  const canvas = useCanvas({ rows, shorten, window, selected, hovered: hover?.bar, scroller });
  const help = useId();

  const show = useCallback(
    (span: Span) => {
      const at = rows.findIndex((row) => row.lane === span.lane);
      const element = scroller.current;
      if (at >= 0 && element) {
        const top = at * LANE;
        if (top < element.scrollTop) element.scrollTop = top;
        else if (top + LANE > element.scrollTop + element.clientHeight - AXIS) {
          element.scrollTop = top + LANE - element.clientHeight + AXIS;
        }
      }
      const view = canvas.view();
      if (!view || !window) return;
      const place = view.scale.place(span.start);
      if (place >= window.from && place <= window.to) return;
      const half = (window.to - window.from) / 2;
      setWindow(panned(view.scale, { from: place - half, to: place + half }, 0));
    },
    [rows, canvas, window],
  );
  const zoom = (factor: number, x?: number) => {
    const view = canvas.view();
    if (!view) return;
    const { from, to } = view.window;
    const at = x === undefined ? undefined : from + (x / view.width) * (to - from);
    const middle = selected && x === undefined ? view.scale.place(selected.start) : at;
    setWindow(zoomed(view.scale, window, factor, middle));
  };
  const pan = (share: number) => {
    const view = canvas.view();
    if (view) setWindow(panned(view.scale, window, share));
  };
  useWheel(canvas.area, zoom, pan);

  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") setWindow(null);
    else if (event.key === "Escape") onSelect(null);
    else if (event.shiftKey && event.key === "ArrowRight") pan(0.2);
    else if (event.shiftKey && event.key === "ArrowLeft") pan(-0.2);
    else if (event.key.startsWith("Arrow")) {
      const next = neighbour(rows, selected, event.key);
      following.stop();
      if (next) {
        onSelect(next.seq);
        show(next);
      }
    } else return;
    event.preventDefault();
  };
  const at = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    const x = event.clientX - box.left;
    const bar = barAt(canvas.bars(), x, event.clientY - box.top);
    return { x, y: event.clientY - box.top, bar };
  };
  const drag = useDrag(pan);

  return (
    <div className={styles.view}>
      <div className={styles.bar}>
        <IconButton small label={runTexts.timeline.zoomIn} onPress={() => zoom(1.5)}>
          <icons.PlusIcon size={14} />
        </IconButton>
        <IconButton small label={runTexts.timeline.zoomOut} onPress={() => zoom(1 / 1.5)}>
          <MinusIcon />
        </IconButton>
        <Button small kind="quiet" isDisabled={window === null} onPress={() => setWindow(null)}>
          {runTexts.timeline.fit}
        </Button>
        <Checkbox isSelected={shorten} onChange={setShorten}>
          {runTexts.timeline.gaps}
        </Checkbox>
        <Legend />
      </div>
      <p id={help} className="visually-hidden">
        {runTexts.timeline.help}
      </p>
      <section
        ref={scroller}
        className={styles.scroller}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys go from bar to bar
        tabIndex={0}
        aria-label={runTexts.timeline.label}
        aria-describedby={help}
        onKeyDown={press}
      >
        <div className={styles.axis}>
          <div className={styles.corner}>{runTexts.timeline.run}</div>
          <div className={styles.axisArea}>
            <canvas ref={canvas.axis} />
          </div>
        </div>
        <div className={styles.lanes} style={{ height: rows.length * LANE }}>
          <Labels
            rows={rows}
            names={names}
            scroller={scroller}
            selected={selected?.lane.id}
            onFold={(id, open) => setFolding(folding.with(id, open))}
            onSelect={onSelect}
          />
          <div
            ref={canvas.area}
            className={styles.area}
            onPointerMove={(event) => {
              if (drag.move(event, canvas.view()?.width ?? 1)) return setHover(null);
              const { bar, x, y } = at(event);
              setHover(bar ? { bar, x, y } : null);
            }}
            onPointerLeave={() => setHover(null)}
            onPointerDown={drag.start}
            onPointerUp={(event) => {
              if (drag.end(event)) return;
              const { bar } = at(event);
              if (!bar) return;
              following.stop();
              onSelect(bar.span?.seq ?? bar.lane.seq);
            }}
          >
            <canvas ref={canvas.lanes} />
            {hover && <Tip bar={hover.bar} x={hover.x} y={hover.y} width={canvas.view()?.width ?? 0} />}
          </div>
        </div>
      </section>
      <output className="visually-hidden" aria-live="polite">
        {selected ? spokenOf(selected, laneName(selected.lane, names)) : ""}
      </output>
    </div>
  );
}

function MinusIcon() {
  return (
    <svg
      width="14"
      height="14"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      aria-hidden="true"
    >
      <path d="M3 8h10" />
    </svg>
  );
}

function Legend() {
  return (
    <span className={styles.legend} aria-hidden="true">
      <i className={styles.modelColor} /> {runTexts.kinds.model}
      <i className={styles.toolColor} /> {runTexts.kinds.tool}
      <i className={styles.questionColor} /> {runTexts.kinds.question}
    </span>
  );
}

function spokenOf(span: Span, task: string): string {
  const took = span.end === null ? "" : formats.duration(span.end - span.start);
  return [task, nameOf(span), runTexts.statuses[span.status], took, span.text].filter(Boolean).join(", ");
}

interface LabelsProps {
  rows: ReturnType<typeof laneRows>;
  names: ReadonlyMap<string, string>;
  scroller: React.RefObject<HTMLElement | null>;
  selected: string | undefined;
  onFold: (laneId: string, open: boolean) => void;
  onSelect: (seq: number | null) => void;
}

/** The names of the lanes in sight. */
function Labels({ rows, names, scroller, selected, onFold, onSelect }: LabelsProps) {
  const [first, setFirst] = useState(0);
  const [count, setCount] = useState(40);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const look = () => {
      setFirst(Math.max(0, Math.floor(element.scrollTop / LANE) - 10));
      setCount(Math.ceil(element.clientHeight / LANE) + 20);
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    return () => element.removeEventListener("scroll", look);
  }, [scroller]);
  return (
    <div className={styles.labels}>
      {rows.slice(first, first + count).map((row, at) => (
        <div
          key={row.lane.id}
          className={styles.label}
          data-selected={row.lane.id === selected || undefined}
          style={{ top: (first + at) * LANE, paddingInlineStart: 8 + row.depth * 12 }}
        >
          {row.lane.items.length > 0 ? (
            <button
              type="button"
              className={styles.fold}
              aria-expanded={row.open}
              aria-label={laneName(row.lane, names)}
              onClick={() => onFold(row.lane.id, !row.open)}
            >
              <icons.ChevronIcon size={14} />
            </button>
          ) : null}
          <button type="button" className={styles.task} onClick={() => row.lane.seq && onSelect(row.lane.seq)}>
            <Mark kind="lane" status={row.lane.status} />
            <span>{laneName(row.lane, names)}</span>
          </button>
        </div>
      ))}
    </div>
  );
}

function Tip({ bar, x, y, width }: { bar: Bar; x: number; y: number; width: number }) {
  const { span } = bar;
  const side = x > width / 2 ? { right: width - x + 12 } : { left: x + 12 };
  return (
    <div className={styles.tip} style={{ ...side, top: y + 14 }} aria-hidden="true">
      <strong>{span ? nameOf(span) : runTexts.thinking}</strong>
      <span>
        <Took since={span?.start ?? bar.lane.idleSince} until={span?.end ?? null} />
        {span?.kind === "model" && ` · ${formats.tokens(span.inputTokens + span.outputTokens)} tok`}
        {span?.cost != null && ` · ${formats.money(span.cost)}`}
        {span && span.status !== "done" && ` · ${runTexts.statuses[span.status]}`}
      </span>
      {span?.text && <span className={styles.tipText}>{span.text}</span>}
    </div>
  );
}

/** Wheels zoom with Ctrl (a pinch), and pan with Shift or sideways; others scroll the lanes. */
function useWheel(
  area: React.RefObject<HTMLElement | null>,
  zoom: (factor: number, x: number) => void,
  pan: (share: number) => void,
) {
  const acts = useRef({ zoom, pan });
  acts.current = { zoom, pan };
  useEffect(() => {
    const element = area.current;
    if (!element) return;
    const turn = (event: WheelEvent) => {
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        acts.current.zoom(Math.exp(-event.deltaY / 300), event.clientX - element.getBoundingClientRect().left);
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        acts.current.pan(sideways / element.clientWidth);
      } else return;
      event.preventDefault();
    };
    element.addEventListener("wheel", turn, { passive: false });
    return () => element.removeEventListener("wheel", turn);
  }, [area]);
}

/** Dragging pans. `move` and `end` tell whether there is or was a drag, and no click. */
function useDrag(pan: (share: number) => void) {
  const from = useRef<{ x: number; moved: boolean } | null>(null);
  return {
    start: (event: PointerEvent) => {
      if (event.button === 0) from.current = { x: event.clientX, moved: false };
    },
    move: (event: PointerEvent, width: number) => {
      const drag = from.current;
      if (!drag || event.buttons === 0) return false;
      const away = drag.x - event.clientX;
      if (!drag.moved && Math.abs(away) < 4) return false;
      drag.moved = true;
      drag.x = event.clientX;
      pan(away / width);
      return true;
    },
    end: (_: PointerEvent) => {
      const moved = from.current?.moved ?? false;
      from.current = null;
      return moved;
    },
  };
}

interface CanvasProps {
  rows: ReturnType<typeof laneRows>;
  shorten: boolean;
  window: Window | null;
  selected: Span | undefined;
  hovered: Bar | undefined;
  scroller: React.RefObject<HTMLElement | null>;
}

/** Keeps both canvases drawn: with what is given, while the run goes on, and where somebody scrolls to. */
function useCanvas(props: CanvasProps) {
  const store = useStore();
  const axis = useRef<HTMLCanvasElement>(null);
  const lanes = useRef<HTMLCanvasElement>(null);
  const area = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const [painter] = useState(() => new Painter(store));
  useEffect(() => {
    const { scroller } = latest.current;
    if (!axis.current || !lanes.current || !area.current || !scroller.current) return;
    return painter.attach(axis.current, lanes.current, area.current, scroller.current, () => latest.current);
  }, [painter]);
  useEffect(() => painter.plan());
  return useMemo(() => ({ axis, lanes, area, view: () => painter.view, bars: () => painter.bars }), [painter]);
}

class Painter {
  view: View | null = null;
  bars: Bar[] = [];
  #frame = 0;
  #end = 0;
  #colors: Colors | null = null;
  #paint: (() => void) | null = null;
  readonly #store: ReturnType<typeof useStore>;

  constructor(store: ReturnType<typeof useStore>) {
    this.#store = store;
  }

  attach(
    axis: HTMLCanvasElement,
    lanes: HTMLCanvasElement,
    area: HTMLElement,
    scroller: HTMLElement,
    given: () => CanvasProps,
  ) {
    this.#paint = () => this.#draw(axis, lanes, area, scroller, given());
    const theme = () => {
      this.#colors = null;
      this.plan();
    };
    const sizes = new ResizeObserver(() => this.plan());
    sizes.observe(scroller);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", theme);
    const attribute = new MutationObserver(theme);
    attribute.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    scroller.addEventListener("scroll", this.#scrolled, { passive: true });
    const unsubscribe = this.#store.subscribe(() => this.plan());
    const clock = setInterval(() => {
      if (!this.#store.model.ended && !document.hidden) this.plan();
    }, PACE);
    this.plan();
    return () => {
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
      this.#paint = null;
      clearInterval(clock);
      unsubscribe();
      sizes.disconnect();
      attribute.disconnect();
      dark.removeEventListener("change", theme);
      scroller.removeEventListener("scroll", this.#scrolled);
    };
  }

  #top = -1;
  readonly #scrolled = (event: Event) => {
    const { scrollTop } = event.currentTarget as HTMLElement;
    if (Math.abs(Math.max(0, scrollTop - BEYOND) - this.#top) > BEYOND / 2) this.plan();
  };

  /** Draws with the next frame, once. */
  plan(): void {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint?.();
    });
  }

  #draw(
    axis: HTMLCanvasElement,
    lanes: HTMLCanvasElement,
    area: HTMLElement,
    scroller: HTMLElement,
    given: CanvasProps,
  ): void {
    const { model } = this.#store;
    const width = area.clientWidth;
    if (!width || !model.times.length) return;
    this.#colors ??= colorsOf(scroller);
    const view = this.#viewOf(given, width);
    const scene: Scene = {
      view,
      model,
      rows: given.rows,
      colors: this.#colors,
      selected: given.selected,
      hovered: given.hovered,
    };
    paintAxis(sized(axis, width, AXIS), scene, AXIS);
    this.#top = Math.max(0, scroller.scrollTop - BEYOND);
    const height = Math.min(scroller.clientHeight + 2 * BEYOND, given.rows.length * LANE + 1 - this.#top);
    lanes.style.transform = `translateY(${this.#top}px)`;
    const bars = paintLanes(sized(lanes, width, Math.max(1, height)), scene, this.#top, height);
    this.bars = bars.map((bar) => ({ ...bar, y: bar.y + this.#top }));
    this.view = view;
  }

  #viewOf(given: CanvasProps, width: number): View {
    const { model } = this.#store;
    const from = Math.min(model.copied ? model.times[0]! : (model.createdAt ?? model.times[0]!), model.times[0]!);
    const now = model.endedAt ?? Math.max(Date.now(), model.times.at(-1)!);
    this.#end = model.ended ? now : steppedEnd(from, now, this.#end);
    const busy = given.shorten
      ? withNow(model.busy.list, isAtWork(model.status) ? model.times.at(-1)! : null, this.#end)
      : null;
    const scale = new Scale(from, this.#end, busy);
    return { scale, window: given.window ?? { from: 0, to: scale.size }, width, now };
  }
}

function isAtWork(status: string): boolean {
  return status === "running" || status === "queued";
}

/** What follows the last event of a run that is at work is no wait. */
function withNow(busy: readonly [number, number][], last: number | null, end: number): readonly [number, number][] {
  return last === null ? busy : [...busy, [last, end]];
}

/** Returns the context of a canvas that has this size in pixels of the page. */
function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const dense = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(dense, 0, 0, dense, 0, 0);
  return context;
}
