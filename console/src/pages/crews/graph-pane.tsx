import dagre from "@dagrejs/dagre";
import {
  Background,
  BaseEdge,
  Controls,
  type EdgeProps,
  type Edge as FlowEdge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { type RefObject, useEffect, useMemo, useRef, useState } from "react";
import { crewTexts } from "../../texts/crews.ts";
import styles from "./editor.module.css";
import { useEditor } from "./editor-state.ts";
import { circleOf, type Edge, edgesOf } from "./graph.ts";
import { type Entry, entriesOf } from "./model.ts";
import { type Problem, problemsAt } from "./problems.ts";

type TaskNode = Node<{ title: string; agent: string; marks: string[]; wrong: number; focused: boolean }, "task">;

const WIDTH = 188;
const HEIGHT = 64;
const TYPES = { task: TaskCard };
const EDGE_TYPES = { wait: WaitLine };

interface Point {
  x: number;
  y: number;
}

/** A line through the points that the layout has kept free for it, so that it runs behind no task. */
type WaitEdge = FlowEdge<{ points: readonly Point[] }, "wait">;

/** The tasks and what they wait for, while the crew is being written. */
export default function GraphPane() {
  const { crew, problems, focus, reveal } = useEditor();
  const { nodes, edges, circle } = useMemo(() => drawing(crew, problems), [crew, problems]);
  const focused = focus?.[0] === "tasks" ? String(focus[1]) : undefined;
  const shown = nodes.map((node) => ({ ...node, data: { ...node.data, focused: node.id === focused } }));
  const host = useRef<HTMLDivElement>(null);
  const isVisible = useVisible(host);
  if (!nodes.length) return <p className={styles.help}>{crewTexts.graphEmpty}</p>;
  return (
    <div ref={host} className={styles.flow}>
      {circle.length > 0 && (
        <p className={styles.circle} role="status">
          {crewTexts.circle(circle.join(" → "))}
        </p>
      )}
      {isVisible && (
        <ReactFlow
          // A graph of another shape is shown whole again.
          key={`${nodes.length}:${edges.length}`}
          nodes={shown}
          edges={edges}
          nodeTypes={TYPES}
          edgeTypes={EDGE_TYPES}
          fitView
          fitViewOptions={{ maxZoom: 1, padding: 0.12 }}
          minZoom={0.2}
          maxZoom={1.5}
          nodesDraggable={false}
          nodesConnectable={false}
          edgesFocusable={false}
          zoomOnScroll={false}
          preventScrolling={false}
          aria-label={crewTexts.graph}
          onNodeClick={(_, node) => reveal(["tasks", Number(node.id)])}
          onSelectionChange={({ nodes: [node] }) => node && node.id !== focused && reveal(["tasks", Number(node.id)])}
        >
          <Background gap={16} />
          <Controls showInteractive={false} />
        </ReactFlow>
      )}
    </div>
  );
}

/** Whether an element has a size. Without one, as in a pane that is not shown, a graph cannot be fitted into it. */
function useVisible(host: RefObject<HTMLElement | null>): boolean {
  const [isVisible, setVisible] = useState(false);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const watcher = new ResizeObserver(([entry]) => setVisible((entry?.contentRect.width ?? 0) > 0));
    watcher.observe(element);
    return () => watcher.disconnect();
  });
  return isVisible;
}

function TaskCard({ data }: NodeProps<TaskNode>) {
  return (
    <div className={styles.node} data-wrong={data.wrong > 0 || undefined} data-focused={data.focused || undefined}>
      <Handle type="target" position={Position.Top} className={styles.handle} />
      <strong>{data.title}</strong>
      <span className={styles.nodeAgent}>{data.agent || " "}</span>
      {(data.marks.length > 0 || data.wrong > 0) && (
        <span className={styles.marks}>
          {data.marks.join(" · ")}
          {data.wrong > 0 && <b> {crewTexts.problems(data.wrong)}</b>}
        </span>
      )}
      <Handle type="source" position={Position.Bottom} className={styles.handle} />
    </div>
  );
}

function WaitLine({ id, data, sourceX, sourceY, targetX, targetY, label }: EdgeProps<WaitEdge>) {
  const inner = (data?.points ?? []).slice(1, -1);
  const points = [{ x: sourceX, y: sourceY }, ...inner, { x: targetX, y: targetY }];
  const middle = inner[Math.floor(inner.length / 2)] ?? { x: (sourceX + targetX) / 2, y: (sourceY + targetY) / 2 };
  return <BaseEdge id={id} path={curveThrough(points)} label={label} labelX={middle.x} labelY={middle.y} />;
}

/** A path whose every piece leaves and arrives upright. */
function curveThrough([first, ...rest]: readonly Point[]): string {
  let last = first ?? { x: 0, y: 0 };
  let path = `M${last.x},${last.y}`;
  for (const point of rest) {
    const middle = (last.y + point.y) / 2;
    path += ` C${last.x},${middle} ${point.x},${middle} ${point.x},${point.y}`;
    last = point;
  }
  return path;
}

function drawing(crew: Entry, problems: readonly Problem[]) {
  const tasks = entriesOf(crew, "tasks");
  const found = edgesOf(crew);
  const placed = layout(tasks.length, found);
  const titles = tasks.map((task, at) => String(task.name || task.description || `${crewTexts.task} ${at + 1}`));
  const nodes: TaskNode[] = tasks.map((task, at) => ({
    id: String(at),
    type: "task",
    position: placed.place(at),
    data: {
      title: titles[at] ?? "",
      agent: typeof task.agent === "string" ? task.agent : "",
      marks: marksOf(task),
      wrong: problemsAt(problems, ["tasks", at]).filter((each) => each.kind !== "note").length,
      focused: false,
    },
    ariaLabel: titles[at] ?? "",
    width: WIDTH,
    height: HEIGHT,
  }));
  return { nodes, edges: drawnEdges(found, placed.points), circle: circleOf(found).map((at) => titles[at] ?? "") };
}

/** One line between two tasks, whatever they wait for each other for. */
function drawnEdges(edges: readonly Edge[], points: (source: number, target: number) => readonly Point[]): WaitEdge[] {
  const pairs = new Map<string, Edge[]>();
  for (const edge of edges) {
    const key = `${edge.source}-${edge.target}`;
    pairs.set(key, [...(pairs.get(key) ?? []), edge]);
  }
  return [...pairs].map(([id, [first, ...others]]) => {
    const all = first ? [first, ...others] : others;
    const output = all.some((edge) => edge.output);
    return {
      id,
      type: "wait",
      data: { points: first ? points(first.source, first.target) : [] },
      source: String(first?.source),
      target: String(first?.target),
      label: all.map((edge) => crewTexts.edges[edge.kind]).join(", "),
      className: output ? styles.edge : styles.faintEdge,
      focusable: false,
    } as WaitEdge;
  });
}

function marksOf(task: Entry): string[] {
  const { badges } = crewTexts;
  return [
    task.async_execution === true ? badges.parallel : "",
    task.for_each ? badges.forEach : "",
    task.condition ? badges.condition : "",
    task.human_input === true ? badges.person : "",
  ].filter(Boolean);
}

function layout(count: number, edges: readonly Edge[]) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 24, ranksep: 44 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (let at = 0; at < count; at++) graph.setNode(String(at), { width: WIDTH, height: HEIGHT });
  for (const { source, target } of edges) graph.setEdge(String(source), String(target));
  dagre.layout(graph);
  return {
    place: (at: number): Point => {
      const { x, y } = graph.node(String(at));
      return { x: x - WIDTH / 2, y: y - HEIGHT / 2 };
    },
    points: (source: number, target: number): readonly Point[] =>
      graph.edge(String(source), String(target))?.points ?? [],
  };
}
