import { type Entry, entriesOf } from "./model.ts";

export type EdgeKind = "context" | "sequence" | "join" | "for_each" | "condition" | "depends_on" | "order";

export interface Edge {
  /** Places of tasks in the list. */
  source: number;
  target: number;
  kind: EdgeKind;
  /** The target reads the source's output. */
  output: boolean;
}

const BUILT_ON: ReadonlySet<EdgeKind> = new Set(["context", "sequence", "join", "for_each"]);

/**
 * Which task of a crew waits for which, by the rules of docs/guide/tasks.md, while the crew is being written.
 * `GET /crews/{crew_id}/graph` tells it of a stored crew.
 */
export function edgesOf(crew: Entry): Edge[] {
  const tasks = entriesOf(crew, "tasks");
  const found: Edge[] = [];
  const read = new Set<number>();
  const beside: number[] = [];
  let last: number | undefined;
  for (const [target, task] of tasks.entries()) {
    const inner = namedEdges(tasks, task, target);
    if (!listOf(task.context).length) inner.push(...impliedEdges(task, target, last, beside, read, inner));
    if (last !== undefined && inner.every((edge) => edge.source !== last)) {
      inner.push({ source: last, target, kind: "order", output: false });
    }
    for (const edge of inner) if (edge.output) read.add(edge.source);
    found.push(...inner);
    if (task.async_execution === true) beside.push(target);
    else last = target;
  }
  return found;
}

/** The tasks that wait for each other in a circle, or none. */
export function circleOf(edges: readonly Edge[]): number[] {
  const sources = new Map<number, number[]>();
  for (const { source, target } of edges) sources.set(target, [...(sources.get(target) ?? []), source]);
  const done = new Set<number>();
  const path: number[] = [];
  const visit = (task: number): number[] => {
    if (path.includes(task)) return path.slice(path.indexOf(task));
    if (done.has(task)) return [];
    path.push(task);
    for (const source of sources.get(task) ?? []) {
      const circle = visit(source);
      if (circle.length) return circle;
    }
    path.pop();
    done.add(task);
    return [];
  };
  for (const task of sources.keys()) {
    const circle = visit(task);
    if (circle.length) return circle;
  }
  return [];
}

function namedEdges(tasks: readonly Entry[], task: Entry, target: number): Edge[] {
  const pairs: [number | undefined, EdgeKind][] = [
    ...listOf(task.context).map((each): [number | undefined, EdgeKind] => [
      placeOf(tasks, each, typeof each === "string" ? target : tasks.length),
      "context",
    ]),
  ];
  if (typeof task.for_each === "string" && !/^\{.*\}$/s.test(task.for_each)) {
    pairs.push([placeOf(tasks, task.for_each), "for_each"]);
  }
  for (const name of outputsIn(task.condition)) pairs.push([placeOf(tasks, name), "condition"]);
  for (const each of listOf(task.depends_on)) pairs.push([placeOf(tasks, each), "depends_on"]);
  const edges = new Map<string, Edge>();
  for (const [source, kind] of pairs) {
    if (source === undefined) continue;
    const key = `${source}:${kind}`;
    if (!edges.has(key)) edges.set(key, { source, target, kind, output: BUILT_ON.has(kind) });
  }
  return [...edges.values()];
}

function impliedEdges(
  task: Entry,
  target: number,
  last: number | undefined,
  beside: readonly number[],
  read: ReadonlySet<number>,
  named: readonly Edge[],
): Edge[] {
  const taken = new Set(named.filter((edge) => edge.output).map((edge) => edge.source));
  const implied: Edge[] = [];
  if (task.async_execution !== true) {
    for (const source of beside) {
      if (!read.has(source) && !taken.has(source)) implied.push({ source, target, kind: "join", output: true });
    }
  }
  if (last !== undefined && !taken.has(last)) {
    implied.push({ source: last, target, kind: "sequence", output: true });
  }
  return implied;
}

/** The place of a task by its name, its id or its place. */
function placeOf(tasks: readonly Entry[], named: unknown, before = tasks.length): number | undefined {
  if (typeof named === "number") return named >= 0 && named < before ? named : undefined;
  if (typeof named !== "string") return undefined;
  const found = tasks.slice(0, before).findIndex((task) => task.name === named || task.id === named);
  return found < 0 ? undefined : found;
}

/** The tasks whose outputs a condition reads, in order. Texts in quotes are no names. */
export function outputsIn(condition: unknown): string[] {
  return namesAfter("outputs", condition);
}

/** The inputs that a condition needs: `"language" in inputs` only asks for one. */
export function inputsIn(condition: unknown): string[] {
  return namesAfter("inputs", condition);
}

function namesAfter(word: string, condition: unknown): string[] {
  if (typeof condition !== "string") return [];
  const parts =
    /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\b(\w+)\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\])/g;
  const names: string[] = [];
  for (const [, root, plain, double, single] of condition.matchAll(parts)) {
    const name = plain ?? double ?? single;
    if (root === word && name !== undefined && !names.includes(name)) names.push(name);
  }
  return names;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
