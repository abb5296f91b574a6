"""The tasks that a task names in `depends_on` and `for_each`, by name or by id."""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence

from common.contracts.graph import ids_by_name, input_of_list
from crews.domain.crew import Crew, Task
from crews.domain.faults import refuse

_NAMED = 20
"""How many unknown names are told of: each takes a search for what may be meant."""
_TASK_ID = re.compile(r"task_[A-Za-z0-9_-]+")


def resolved_tasks(named: Sequence[str], ids: Mapping[str, str], field: str) -> list[str]:
    """Return the ids of the `named` tasks, each once. Raises `InvalidRequest`."""
    unknown = [(place, name) for place, name in enumerate(named) if name not in ids]
    refuse(
        [
            {"field": f"{field}.{place}", "reason": no_task(name, ids)}
            for place, name in unknown[:_NAMED]
        ]
    )
    return list(dict.fromkeys(ids[name] for name in named))


def resolved_list(for_each: str | None, ids: Mapping[str, str], field: str) -> str | None:
    """Return `for_each` with an id in place of a task's name. Raises `InvalidRequest`."""
    if for_each is None or input_of_list(for_each) is not None:
        return for_each
    if for_each not in ids:
        reason = f"{no_task(for_each, ids)}. An input is written {{{for_each}}}"
        refuse([{"field": field, "reason": reason}])
    return ids[for_each]


def no_task(name: str, there: Collection[str]) -> str:
    """Return the reason for refusing the name of a task that a crew does not have."""
    named = [one for one in there if not one.startswith("task_")]
    close = difflib.get_close_matches(name[:100], named, 1, 0.6)
    meant = f"; did you mean {close[0]}?" if close else "."
    known = f"Its tasks are named {', '.join(named)}" if named else "None of its tasks has a name"
    return f"This crew has no task {name[:100]}{meant} {known[:300]}"


def with_resolved_references(crew: Crew, task: Task) -> Task:
    """Return `task` with ids in place of the names of tasks of `crew`."""
    ids = ids_by_name([*(entry for entry in crew.tasks if entry.id != task.id), task])
    return task.model_copy(
        update={
            "depends_on": resolved_tasks(task.depends_on, ids, "depends_on"),
            "for_each": resolved_list(task.for_each, ids, "for_each"),
        }
    )


def with_other_ids(condition: str | None, ids: Mapping[str, str]) -> str | None:
    """Return a condition that names tasks by other ids."""
    if condition is None:
        return None
    return _TASK_ID.sub(lambda found: ids.get(found[0], found[0]), condition)
