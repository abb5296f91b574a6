import dagre from "@dagrejs/dagre";
import {
  Background,
  Controls,
  type Edge as FlowEdge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { useMemo } from "react";
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

/** The tasks and what they wait for, while the crew is being written. */
export default function GraphPane() {
  const { crew, problems, focus, reveal } = useEditor();
  const { nodes, edges, circle } = useMemo(() => drawing(crew, problems), [crew, problems]);
  const focused = focus?.[0] === "tasks" ? String(focus[1]) : undefined;
  const shown = nodes.map((node) => ({ ...node, data: { ...node.data, focused: node.id === focused } }));
  if (!nodes.length) return <p className={styles.help}>{crewTexts.graphEmpty}</p>;
  return (
    <div className={styles.flow}>
      {circle.length > 0 && (
        <p className={styles.circle} role="status">
          {crewTexts.circle(circle.join(" → "))}
        </p>
      )}
      <ReactFlow
        // A graph of another shape is shown whole again.
        key={`${nodes.length}:${edges.length}`}
        nodes={shown}
        edges={edges}
        nodeTypes={TYPES}
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
    </div>
  );
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

function drawing(crew: Entry, problems: readonly Problem[]) {
  const tasks = entriesOf(crew, "tasks");
  const found = edgesOf(crew);
  const placed = layout(tasks.length, found);
  const titles = tasks.map((task, at) => String(task.name || task.description || `${crewTexts.task} ${at + 1}`));
  const nodes: TaskNode[] = tasks.map((task, at) => ({
    id: String(at),
    type: "task",
    position: placed(at),
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
  return { nodes, edges: drawnEdges(found), circle: circleOf(found).map((at) => titles[at] ?? "") };
}

/** One line between two tasks, whatever they wait for each other for. */
function drawnEdges(edges: readonly Edge[]): FlowEdge[] {
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
      source: String(first?.source),
      target: String(first?.target),
      label: all.map((edge) => crewTexts.edges[edge.kind]).join(", "),
      className: output ? styles.edge : styles.faintEdge,
      focusable: false,
    } as FlowEdge;
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
  return (at: number) => {
    const { x, y } = graph.node(String(at));
    return { x: x - WIDTH / 2, y: y - HEIGHT / 2 };
  };
}
