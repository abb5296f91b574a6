"""Lists that tasks are done for, entry by entry (`for_each`)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.contracts.crew import CrewSnapshot, TaskSnapshot
from common.contracts.graph import input_of_list
from executor.domain.inputs.expansion import EXPANDED
from executor.domain.inputs.placeholders import as_text, names

ITEM = "item"
"""The name of the placeholder that stands for an entry in the texts of a task with `for_each`."""
MOST_ITEMS = 1_000
"""The default of the operator's limit."""


def list_inputs(crew: CrewSnapshot) -> Iterator[tuple[TaskSnapshot, str]]:
    """Yield each task that is done for the entries of an input, with the name of the input."""
    for task in crew.tasks:
        name = input_of_list(task.for_each)
        if name is not None:
            yield task, name


def list_fault(crew: CrewSnapshot, task: TaskSnapshot, value: Any, most: int) -> str | None:
    """Return why `task` cannot be done for the entries of `value`, or None. `most` is the operator's limit."""
    if not isinstance(value, list):
        return "A task is done for each of its entries, so it must be a list"
    allowed = min(most, crew.configuration.max_items)
    if len(value) > allowed:
        whose = (
            "configuration.max_items of the crew"
            if allowed == crew.configuration.max_items
            else "KASAL_FOR_EACH_LIMIT of this platform"
        )
        return f"It has {len(value)} entries, and at most {allowed} are allowed ({whose})"
    return _expansion_fault(task, value)


def _expansion_fault(task: TaskSnapshot, entries: Sequence[Any]) -> str | None:
    written = (task.description, task.expected_output, *task.context)
    uses = sum(names(text).count(ITEM) for text in written)
    longest = max((len(as_text(entry)) for entry in entries), default=0) if uses else 0
    if uses * longest <= EXPANDED:
        return None
    return (
        f"The task's texts use {{{ITEM}}} {uses} times: filled in with the longest entry, they would have about "
        f"{uses * longest:,} characters, and at most {EXPANDED:,} are allowed"
    )


def first_list_fault(
    crew: CrewSnapshot, inputs: Mapping[str, Any], most: int
) -> tuple[str, str] | None:
    """Return the first input that its task cannot be done for, and why; None if there is none."""
    for task, name in list_inputs(crew):
        fault = list_fault(crew, task, inputs.get(name), most)
        if fault is not None:
            return name, fault
    return None
