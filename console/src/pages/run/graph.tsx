import "@xyflow/react/dist/base.css";
import dagre from "@dagrejs/dagre";
import { useQuery } from "@tanstack/react-query";
import { Background, type Edge, Handle, type Node, type NodeProps, Position, ReactFlow } from "@xyflow/react";
import { useMemo } from "react";
import { useKasal } from "../../api/index.ts";
import { runTexts } from "../../texts/run.ts";
import { Problem, Skeleton } from "../../ui/index.ts";
import { laneName } from "./compact.tsx";
import styles from "./graph.module.css";
import { Mark } from "./line.tsx";
import { useModel, useStore } from "./use-run.ts";

const WIDTH = 150;
const HEIGHT = 36;

type TaskNode = Node<{ name: string }, "task">;

/** The crew's tasks and what waits for what, with what became of each. */
export default function Graph({
  names,
  onSelect,
}: {
  names: ReadonlyMap<string, string>;
  onSelect: (seq: number) => void;
}) {
  const kasal = useKasal();
  const { model } = useStore();
  const crewId = useModel((changed) => changed.crewId);
  const graph = useQuery({
    queryKey: ["crew", crewId, "graph"],
    queryFn: ({ signal }) => kasal.get("/crews/{crew_id}/graph", { path: { crew_id: crewId }, signal }),
    enabled: crewId !== "",
  });
  const laid = useMemo(() => (graph.data ? laidOut(graph.data) : null), [graph.data]);
  const nodes = useMemo<TaskNode[]>(
    () =>
      (laid?.nodes ?? []).map(({ id, x, y, name }) => ({
        ...{ id, type: "task", position: { x, y }, width: WIDTH, height: HEIGHT },
        data: { name: name || names.get(id) || laneName(model.lane(id) ?? { id, itemOf: null, title: "" }, names) },
      })),
    [laid, names, model],
  );
  if (graph.error) return <Problem error={graph.error} what={runTexts.graph.failed} />;
  if (!laid) return <Skeleton height="180px" />;
  return (
    <div className={styles.graph}>
      <ReactFlow
        aria-label={runTexts.graph.label}
        nodes={nodes}
        edges={laid.edges}
        nodeTypes={TYPES}
        fitView
        fitViewOptions={{ padding: 0.1, maxZoom: 1 }}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        minZoom={0.1}
        proOptions={{ hideAttribution: true }}
        onNodeClick={(_, node) => {
          const seq = model.lane(node.id)?.seq;
          if (seq) onSelect(seq);
        }}
      >
        <Background gap={16} />
      </ReactFlow>
    </div>
  );
}

const TYPES = { task: TaskBox };

function TaskBox({ id, data }: NodeProps<TaskNode>) {
  const status = useModel((model) => model.lane(id)?.status ?? "pending");
  return (
    <div className={styles.node} data-status={status}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <Mark kind="lane" status={status} />
      <span>{data.name}</span>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

interface CrewGraph {
  nodes: readonly { task_id: string; name: string | null }[];
  edges: readonly { source: string; target: string; kind: string; output: boolean }[];
}

function laidOut({ nodes, edges }: CrewGraph) {
  const plan = new dagre.graphlib.Graph();
  plan.setGraph({ rankdir: "LR", nodesep: 12, ranksep: 36 });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) plan.setNode(node.task_id, { width: WIDTH, height: HEIGHT });
  const shown = edges.filter((edge) => edge.kind !== "order");
  for (const edge of shown) plan.setEdge(edge.source, edge.target);
  dagre.layout(plan);
  const made: Edge[] = shown.map((edge) => ({
    id: `${edge.source}-${edge.target}-${edge.kind}`,
    ...{ source: edge.source, target: edge.target, className: edge.output ? styles.edge! : styles.weak! },
  }));
  const placed = nodes.map(({ task_id, name }) => {
    const { x, y } = plan.node(task_id);
    return { id: task_id, x: x - WIDTH / 2, y: y - HEIGHT / 2, name };
  });
  return { nodes: placed, edges: made };
}
