import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";

/** Where something is in a crew: `["tasks", 0, "description"]`. */
export type Path = readonly (string | number)[];
export type Entry = Record<string, unknown>;

/** A place in the text, counted from 1. */
export interface Place {
  line: number;
  column: number;
}

/** Something that keeps the text from being YAML. */
export interface Fault extends Place {
  message: string;
}

/** A crew's text as it was read. Without a fault, `crew` is what it says. */
export interface Reading {
  crew: Entry;
  fault: Fault | undefined;
  /** Where a path is in the text; where its nearest parent is, if it is not there. */
  placeOf: (path: Path) => Place;
}

/** As the platform writes crews: it knows YAML 1.2, and aliases can repeat only so much. */
const READING = { prettyErrors: false, maxAliasCount: 100 } as const;
const WRITING = { lineWidth: 0, flowCollectionPadding: false } as const;

/** Fields are written in this order; others come after them. */
const ORDER = [
  ...["kasal", "name", "role", "goal", "backstory", "model", "description", "process", "expected_output", "agent"],
  ...["context", "depends_on", "condition", "for_each", "agents", "tasks", "tools", "approvals", "configuration"],
];

/** What a new crew begins with. */
export const NEW_CREW = `kasal: 1
name: New crew
process: sequential

# Who works in it
agents:
  - role: Researcher
    goal: Find out what matters about {topic}
    model: offline

# What is done, in this order; {topic} stands for an input of the run
tasks:
  - name: research
    description: Collect the three most important facts about {topic}
    expected_output: Three short points
    agent: Researcher
`;

/** Reads a crew's text. */
export function read(text: string): Reading {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...READING, lineCounter: lines });
  const [error] = document.errors;
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const placeOf = (path: Path) => at(offsetOf(document, path));
  if (error) return { crew: {}, fault: { ...at(error.pos[0]), message: sentence(error.message) }, placeOf };
  try {
    const crew: unknown = document.toJS({ maxAliasCount: READING.maxAliasCount });
    if (isEntry(crew)) return { crew, fault: undefined, placeOf };
    return { crew: {}, fault: { ...at(0), message: "A crew has fields, such as `name: My crew`." }, placeOf };
  } catch (reason) {
    return {
      crew: {},
      fault: { ...at(0), message: reason instanceof Error ? reason.message : String(reason) },
      placeOf,
    };
  }
}

/** Sets a field, or takes it away with `undefined`; comments and all else stay. The text must be readable. */
export function withValue(text: string, path: Path, value: unknown): string {
  return changed(text, (document) => put(document, path, value));
}

/** Puts an entry into a list. */
export function withEntry(text: string, list: string, entry: Entry, index?: number): string {
  return changed(text, (document) => {
    const found = document.get(list);
    if (!isSeq(found)) {
      put(document, [list], [entry]);
      return;
    }
    found.flow = false;
    found.items.splice(index ?? found.items.length, 0, document.createNode(entry));
  });
}

/** Moves an entry of a list; its comments go with it. */
export function withMoved(text: string, list: string, from: number, to: number): string {
  return changed(text, (document) => {
    const found = document.get(list);
    if (!isSeq(found) || to < 0 || to >= found.items.length) return;
    const [entry] = found.items.splice(from, 1);
    found.items.splice(to, 0, entry);
  });
}

/** Takes an agent away, with what names it. */
export function withoutAgent(text: string, index: number): string {
  const name = agentNames(read(text).crew)[index];
  return changed(text, (document) => {
    document.deleteIn(["agents", index]);
    for (const [at, task] of entriesOf(document.toJS(), "tasks").entries()) {
      if (name && task.agent === name) put(document, ["tasks", at, "agent"], undefined);
    }
  });
}

/** Takes a task away, with what names it. */
export function withoutTask(text: string, index: number): string {
  const { name } = entriesOf(read(text).crew, "tasks")[index] ?? {};
  return changed(text, (document) => {
    document.deleteIn(["tasks", index]);
    for (const [at, task] of entriesOf(document.toJS(), "tasks").entries()) {
      for (const field of ["context", "depends_on"]) {
        const named = Array.isArray(task[field]) ? task[field] : [];
        const kept = named.filter((each: unknown) => typeof name !== "string" || each !== name);
        if (kept.length < named.length) put(document, ["tasks", at, field], kept.length ? kept : undefined);
      }
      if (typeof name === "string" && task.for_each === name) put(document, ["tasks", at, "for_each"], undefined);
    }
  });
}

/** Gives a task another name, everywhere it is named. */
export function withTaskName(text: string, index: number, name: string): string {
  const old = entriesOf(read(text).crew, "tasks")[index]?.name;
  return changed(text, (document) => {
    put(document, ["tasks", index, "name"], name || undefined);
    if (typeof old !== "string" || !old || !name) return;
    for (const [at, task] of entriesOf(document.toJS(), "tasks").entries()) {
      for (const field of ["context", "depends_on"]) {
        if (!Array.isArray(task[field])) continue;
        for (const [place, each] of task[field].entries()) {
          if (each === old) put(document, ["tasks", at, field, place], name);
        }
      }
      if (task.for_each === old) put(document, ["tasks", at, "for_each"], name);
      const condition = typeof task.condition === "string" ? renamedOutputs(task.condition, old, name) : undefined;
      if (condition && condition !== task.condition) put(document, ["tasks", at, "condition"], condition);
    }
  });
}

/** Gives an agent another name or role, and changes the tasks that name it. */
export function withAgentField(text: string, index: number, field: "name" | "role", value: string): string {
  const before = agentNames(read(text).crew)[index];
  const edited = withValue(text, ["agents", index, field], value || undefined);
  const after = agentNames(read(edited).crew)[index];
  if (!before || !after || before === after) return edited;
  return changed(edited, (document) => {
    for (const [at, task] of entriesOf(document.toJS(), "tasks").entries()) {
      if (task.agent === before) put(document, ["tasks", at, "agent"], after);
    }
  });
}

/** What each agent is called by tasks: its name, or else its role. */
export function agentNames(crew: Entry): (string | undefined)[] {
  return entriesOf(crew, "agents").map(({ name, role }) => {
    if (typeof name === "string" && name) return name;
    return typeof role === "string" && role ? role : undefined;
  });
}

/** The entries of a list; what is no entry counts as an empty one, so that places stay. */
export function entriesOf(crew: unknown, list: string): Entry[] {
  const found = isEntry(crew) ? crew[list] : undefined;
  return Array.isArray(found) ? found.map((each) => (isEntry(each) ? each : {})) : [];
}

/** What is at a path, or undefined. */
export function valueAt(crew: unknown, path: Path): unknown {
  return path.reduce<unknown>((held, key) => {
    if (Array.isArray(held)) return typeof key === "number" ? held[key] : undefined;
    return isEntry(held) ? held[key] : undefined;
  }, crew);
}

export function isEntry(value: unknown): value is Entry {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function changed(text: string, change: (document: Document.Parsed) => void): string {
  const document = parseDocument(text, READING);
  if (document.errors.length) return text;
  change(document);
  return document.toString(WRITING);
}

function put(document: Document, path: Path, value: unknown): void {
  if (value === undefined) {
    take(document, path);
    return;
  }
  makeRoom(document, path.slice(0, -1), typeof path.at(-1) === "number");
  const there = document.getIn(path, true);
  if (isScalar(there) && !isCollectionValue(value)) {
    there.value = value as never;
    return;
  }
  const node = document.createNode(value);
  if (Array.isArray(value) && isSeq(node)) {
    if (isSeq(there)) {
      node.items = value.map((each, at) => kept(there.items, each) ?? node.items[at]);
      node.flow = there.flow ?? false;
      node.commentBefore = there.commentBefore;
    } else node.flow = value.length > 0 && value.every((each) => typeof each === "string" && each.length < 40);
  }
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  const key = path.at(-1);
  if (isMap(parent) && typeof key === "string" && !parent.has(key)) insertOrdered(document, parent, key, node);
  else document.setIn(path, node);
}

/** The node that an equal value of a list has already, so that its comment stays. */
function kept(items: readonly unknown[], value: unknown): unknown {
  return items.find((item) => isScalar(item) && item.value === value);
}

/** Makes the maps on the way to a field, where there is nothing or an empty value. */
function makeRoom(document: Document, parents: Path, inList: boolean): void {
  for (let length = 0; length <= parents.length; length++) {
    const path = parents.slice(0, length);
    const there = length ? document.getIn(path, true) : document.contents;
    if (isCollection(there)) continue;
    const next = length < parents.length ? typeof parents[length] === "number" : inList;
    const made = document.createNode(next ? [] : {});
    if (!length) document.contents = made as never;
    else {
      const parent = length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
      const key = path.at(-1);
      if (isMap(parent) && typeof key === "string" && !parent.has(key)) insertOrdered(document, parent, key, made);
      else document.setIn(path, made);
    }
  }
}

function insertOrdered(document: Document, map: YAMLMap, key: string, node: unknown): void {
  const rank = (name: unknown) => {
    const at = ORDER.indexOf(String(isScalar(name) ? name.value : name));
    return at < 0 ? ORDER.length : at;
  };
  const mine = rank(key);
  const before = map.items.findIndex((pair) => rank(pair.key) > mine);
  const pair = document.createPair(key, node) as Pair;
  if (before < 0) map.items.push(pair as never);
  else map.items.splice(before, 0, pair as never);
}

/** Takes a field away, and the maps that it leaves empty. */
function take(document: Document, path: Path): void {
  if (document.hasIn(path)) document.deleteIn(path);
  for (let length = path.length - 1; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length), true);
    if (!isMap(parent) || parent.items.length || typeof path[length - 1] === "number") return;
    document.deleteIn(path.slice(0, length));
  }
}

function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parts = path.slice(0, length);
    const parent = length > 1 ? document.getIn(parts.slice(0, -1), true) : document.contents;
    const key = parts.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find((each) => (isScalar(each.key) ? each.key.value : each.key) === key);
      if (pair && isNode(pair.key) && pair.key.range) return pair.key.range[0];
    }
    if (isSeq(parent) && typeof key === "number") {
      const item = parent.items[key];
      if (isNode(item) && item.range) return item.range[0];
    }
  }
  return 0;
}

function isCollectionValue(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function renamedOutputs(condition: string, old: string, name: string): string {
  const plain = /^[A-Za-z_]\w*$/.test(name) ? `outputs.${name}` : `outputs[${JSON.stringify(name)}]`;
  const word = old.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const named = new RegExp(`outputs(?:\\.${word}(?!\\w)|\\[\\s*(["'])${word}\\1\\s*\\])`, "g");
  return condition.replace(named, () => plain);
}

function sentence(message: string): string {
  const [first = message] = message.split("\n");
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
