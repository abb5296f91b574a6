"""The graph of a crew's tasks: which task waits for which, and whose output it builds on.

Crews checks it when a crew is saved and shows it; the executor runs by it. docs/guide/tasks.md describes it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from common.conditions.grammar import parse_condition

EdgeKind = Literal["context", "sequence", "join", "for_each", "condition", "depends_on", "order"]
_BUILT_ON: frozenset[EdgeKind] = frozenset({"context", "sequence", "join", "for_each"})


class TaskNode(Protocol):
    """What the graph needs to know of a task. `depends_on` and `for_each` hold ids."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str | None: ...

    @property
    def context(self) -> Sequence[str]: ...

    @property
    def depends_on(self) -> Sequence[str]: ...

    @property
    def condition(self) -> str | None: ...

    @property
    def for_each(self) -> str | None: ...

    @property
    def async_execution(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Edge:
    """`target` waits for `source`. With `output`, it builds on the source's output too.

    `context`, `for_each`, `condition` and `depends_on` are named by the target. `sequence` and `join` are what a
    task without context builds on: the last synchronous task before it, and the parallel ones that no other task
    has read. `order` is the wait for a synchronous task that the target does not name.
    """

    source: str
    target: str
    kind: EdgeKind

    @property
    def output(self) -> bool:
        return self.kind in _BUILT_ON


class Circular(ValueError):  # noqa: N818 - it says what the graph is
    """Tasks wait for each other in a circle: `path` leads from a task back to it."""

    def __init__(self, path: Sequence[str]) -> None:
        super().__init__(" → ".join(path))
        self.path = tuple(path)


def input_of_list(for_each: str | None) -> str | None:
    """Return the input that `for_each` names, or None if it names a task or is not set."""
    named = for_each is not None and for_each.startswith("{") and for_each.endswith("}")
    return for_each[1:-1] if for_each is not None and named else None


def condition_sources(task: TaskNode, tasks: Sequence[TaskNode]) -> dict[str, str]:
    """Return the ids of the tasks whose outputs the condition of `task` reads, by the names it uses.

    A name that no task has is left out.
    """
    if task.condition is None:
        return {}
    ids = ids_by_name(tasks)
    read = parse_condition(task.condition).outputs
    return {name: ids[name] for name in read if name in ids}


def ids_by_name(tasks: Iterable[TaskNode]) -> dict[str, str]:
    """Return the ids of tasks by their names and by their ids."""
    known: dict[str, str] = {}
    for task in tasks:
        known[task.id] = task.id
        if task.name is not None:
            known.setdefault(task.name, task.id)
    return known


def edges(tasks: Sequence[TaskNode]) -> list[Edge]:
    """Return the edges between `tasks`, those of a target together, in the order of the tasks.

    Between two tasks there is one edge of each kind at most. Names of tasks that do not exist are left out.
    """
    known = {task.id for task in tasks}
    found: list[Edge] = []
    read: set[str] = set()
    last: str | None = None
    beside: list[str] = []
    for task in tasks:
        names = task.context or task.depends_on or task.condition or task.for_each
        inner = _named_edges(task, tasks, known) if names else []
        if not task.context:
            inner += _implied_edges(last, beside, task, read, inner)
        if last is not None and all(edge.source != last for edge in inner):
            inner.append(Edge(last, task.id, "order"))
        read.update(edge.source for edge in inner if edge.output)
        found += inner
        if task.async_execution:
            beside.append(task.id)
        else:
            last = task.id
    return found


def _named_edges(task: TaskNode, tasks: Sequence[TaskNode], known: set[str]) -> list[Edge]:
    pairs: list[tuple[str, EdgeKind]] = [(entry, "context") for entry in task.context]
    if task.for_each is not None:
        pairs.append((task.for_each, "for_each"))
    pairs += [(source, "condition") for source in condition_sources(task, tasks).values()]
    pairs += [(entry, "depends_on") for entry in task.depends_on]
    return [Edge(source, task.id, kind) for source, kind in dict.fromkeys(pairs) if source in known]


def _implied_edges(
    last: str | None, beside: Sequence[str], task: TaskNode, read: set[str], named: Sequence[Edge]
) -> list[Edge]:
    """Return what a task without context builds on: see `Edge`.

    `last` is the last synchronous task before it, `beside` are the parallel ones.
    """
    taken = {edge.source for edge in named if edge.output}
    implied: list[Edge] = []
    if beside and not task.async_execution:
        open_ends = (one for one in beside if one not in read and one not in taken)
        implied = [Edge(source, task.id, "join") for source in open_ends]
    if last is not None and last not in taken:
        implied.append(Edge(last, task.id, "sequence"))
    return implied


def run_order(tasks: Sequence[TaskNode], known: Sequence[Edge]) -> list[str]:
    """Return the ids of `tasks` so that each comes after those it waits for, else as they are listed.

    Raises `Circular`.
    """
    waits: dict[str, list[str]] = {task.id: [] for task in tasks}
    for edge in known:
        waits[edge.target].append(edge.source)
    done: dict[str, None] = {}
    for task in tasks:
        _visit(task.id, waits, done)
    return list(done)


def _visit(start: str, waits: Mapping[str, Sequence[str]], done: dict[str, None]) -> None:
    """Add `start` to `done`, after all that it waits for."""
    path = {start: iter(waits[start])} if start not in done else {}
    while path:
        node = next(reversed(path))
        source = next((one for one in path[node] if one not in done), None)
        if source is None:
            done[node] = None
            del path[node]
        elif source in path:
            circle = list(path)[list(path).index(source) :]
            raise Circular([source, *reversed(circle)])
        else:
            path[source] = iter(waits[source])
