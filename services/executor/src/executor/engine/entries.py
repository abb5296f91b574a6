"""Tasks that are done for each entry of a list: each entry is worked on by a task of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.contracts.crew import TaskSnapshot
from common.contracts.graph import input_of_list
from common.contracts.ids import item_id
from executor.domain.inputs.lists import list_fault
from executor.engine.faults import RunFault
from executor.engine.history import Output
from executor.engine.shared import Shared


def entries_of(
    shared: Shared, task: TaskSnapshot, outputs: Mapping[str, Output], most: int
) -> list[Any]:
    """Return the list that `task` works through. Raises `RunFault` (`FOR_EACH_INVALID`)."""
    name = input_of_list(task.for_each)
    if name is not None:
        value, what = shared.inputs.get(name), f"the input {name}"
    else:
        source = outputs.get(task.for_each or "")
        value, what = None if source is None else source.value, f"the output of {task.for_each}"
    fault = list_fault(shared.job.snapshot, task, value, most)
    if fault is not None:
        message = f"The task {task.id} cannot be done for each entry of {what}: {fault}."
        raise RunFault("FOR_EACH_INVALID", message, task.id)
    return list(value or ())


def item_tasks(shared: Shared, task: TaskSnapshot, entries: Sequence[Any]) -> list[TaskSnapshot]:
    """Return the tasks that work on the `entries` for `task`, and let the run know them."""
    record = shared.progress.tasks[task.id]
    shared.progress.add_items(record, len(entries))
    made = []
    for place, entry in enumerate(entries):
        name = item_id(task.id, place)
        shared.items[name] = entry
        made.append(task.model_copy(update={"id": name, "for_each": None, "condition": None}))
    return made
