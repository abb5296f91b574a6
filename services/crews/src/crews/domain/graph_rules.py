"""What makes the graph of a crew's tasks sound, and how it is shown."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from common.conditions.grammar import parse_condition
from common.contracts.graph import (
    Circular,
    Edge,
    condition_sources,
    edges,
    ids_by_name,
    input_of_list,
    run_order,
)
from crews.domain.crew import Task
from crews.domain.faults import Fault
from crews.domain.references import no_task

_NAMED = 20
"""How many references that lead nowhere are named: each takes a search for what may be meant."""
_INPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Graph:
    """A crew's tasks in the order in which they begin, and the edges between them."""

    tasks: Sequence[Task]
    edges: Sequence[Edge]


def graph_of(tasks: Sequence[Task]) -> Graph:
    """Return the graph of `tasks`, which has no circle: crews with one are not saved."""
    found = edges(tasks)
    by_id = {task.id: task for task in tasks}
    return Graph([by_id[task_id] for task_id in run_order(tasks, found)], found)


def graph_faults(tasks: Sequence[Task]) -> Iterator[Fault]:
    """Yield a fault for each reference that leads nowhere and, if there is none, for a circle."""
    ids = ids_by_name(tasks)
    every = (fault for index in range(len(tasks)) for fault in _reference_faults(index, tasks, ids))
    found = list(islice(every, _NAMED))
    yield from found or _circle_faults(tasks)


def _reference_faults(index: int, tasks: Sequence[Task], ids: Mapping[str, str]) -> Iterable[Fault]:
    task = tasks[index]
    for place, entry in enumerate(task.depends_on):
        if entry not in ids:
            yield {"field": f"tasks.{index}.depends_on.{place}", "reason": no_task(entry, ids)}
    if task.condition is not None:
        for name in parse_condition(task.condition).outputs:
            if name not in ids:
                yield {"field": f"tasks.{index}.condition", "reason": no_task(name, ids)}
    if task.for_each is not None:
        reason = _list_fault(task.for_each, {one.id: one for one in tasks})
        if reason is not None:
            yield {"field": f"tasks.{index}.for_each", "reason": reason}


def _list_fault(for_each: str, tasks: Mapping[str, Task]) -> str | None:
    name = input_of_list(for_each)
    if name is not None:
        known = _INPUT.fullmatch(name)
        return None if known else f"{for_each[:100]} is not an input: one is written {{companies}}"
    source = tasks.get(for_each)
    if source is None:
        return f"This crew has no task {for_each[:100]}"
    schema = source.output_schema or {}
    if source.for_each is None and schema.get("type") != "array":
        return (
            f"The output of {source.name or source.id} is no list: give that task an output_schema of the "
            'type "array"'
        )
    return None


def _circle_faults(tasks: Sequence[Task]) -> Iterable[Fault]:
    found = edges(tasks)
    try:
        run_order(tasks, found)
    except Circular as circle:
        places = {task.id: index for index, task in enumerate(tasks)}
        waits = list(zip(circle.path, circle.path[1:], strict=False))
        # A task that is listed before one that it waits for has named it; the others only follow the list.
        source, target = next((s, t) for s, t in waits if places[s] >= places[t])
        names = {task.id: task.name or task.id for task in tasks}
        path = " → ".join(names[task_id] for task_id in circle.path)
        reason = f"The tasks wait for each other in a circle: {path}. Leave one of these out, or list the tasks in another order"
        yield {"field": _field(tasks, places[target], source), "reason": reason}


def _field(tasks: Sequence[Task], index: int, source: str) -> str:
    """Return the field in which a task names `source`."""
    task = tasks[index]
    if source in task.depends_on:
        return f"tasks.{index}.depends_on.{task.depends_on.index(source)}"
    if source in condition_sources(task, tasks).values():
        return f"tasks.{index}.condition"
    return f"tasks.{index}.for_each" if source == task.for_each else f"tasks.{index}.context"


def readers(tasks: Sequence[Task], task_id: str) -> list[str]:
    """Return the ids of the tasks that name a task, in whatever field."""
    named = {"context", "for_each", "condition", "depends_on"}
    found = (edge for edge in edges(tasks) if edge.source == task_id and edge.kind in named)
    return list(dict.fromkeys(edge.target for edge in found))
