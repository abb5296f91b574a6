"""Checks a job's inputs: every placeholder filled, and no text too large."""

import contextlib
import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from common.conditions.grammar import ConditionFault, parse_condition
from common.contracts.crew import CrewSnapshot, TaskSnapshot, lacks, manager_of
from common.contracts.graph import input_of_list
from common.contracts.memory import CREW, key_fault, key_input, shelf
from common.contracts.models import endpoint_of
from common.errors import InvalidRequest, several
from executor.domain.inputs.expansion import agent_texts, oversize, task_texts
from executor.domain.inputs.lists import ITEM, MOST_ITEMS, first_list_fault
from executor.domain.inputs.placeholders import names
from executor.domain.inputs.ports import Crews


def placeholders(crew: CrewSnapshot) -> list[str]:
    """Return the inputs that `crew`'s texts and memory need, in order of appearance, each once.

    `placeholders` describes their syntax.
    """
    found = [name for agent in crew.agents for text in agent_texts(agent) for name in names(text)]
    for task in crew.tasks:
        found += _inputs_of_task(task)
    key = _memory_key(crew)
    return list(dict.fromkeys(found if key is None else [*found, key]))


def names_of_inputs(crew: CrewSnapshot, task: TaskSnapshot) -> set[str]:
    """Return the inputs that the work on `task` depends on."""
    managed = crew.process == "hierarchical"
    agents = [agent for agent in crew.agents if managed or agent.id == task.agent_id]
    used = {name for agent in agents for text in agent_texts(agent) for name in names(text)}
    used.update(name for text in task.context for name in names(text))
    key = _memory_key(crew)
    return used | {*_inputs_of_task(task)} | ({key} if key is not None else set())


def _inputs_of_task(task: TaskSnapshot) -> list[str]:
    found = [name for text in task_texts(task) for name in names(text)]
    if task.for_each is not None:  # its own entries fill in `{item}`
        found = [name for name in found if name != ITEM]
    named = input_of_list(task.for_each)
    if named is not None:
        found.append(named)
    if task.condition is not None:
        with contextlib.suppress(ConditionFault):  # the run says so, with the task
            found += parse_condition(task.condition).inputs
    return found


async def runnable_crew(
    crews: Crews,
    workspace_id: str,
    crew_id: str,
    inputs: Mapping[str, Any],
    most_items: int = MOST_ITEMS,
    version: int | None = None,
) -> CrewSnapshot:
    """Return the crew that a job with `inputs` runs, with the memory that this job may read.

    `most_items` is the operator's limit for lists that tasks are done for. Raises `InvalidRequest` as
    `check_runnable` does, and as `Crews.snapshot`.
    """
    crew = await crews.snapshot(workspace_id, crew_id, version)
    check_runnable(crew, inputs, most_items)
    return await with_memory(crews, workspace_id, crew_id, crew, inputs)


async def with_memory(
    crews: Crews, workspace_id: str, crew_id: str, crew: CrewSnapshot, inputs: Mapping[str, Any]
) -> CrewSnapshot:
    """Return `crew` with the memory that a job with `inputs` may read. Raises `NotFound`."""
    switches = crew.configuration.memory
    place = shelf(switches.scope, inputs) if switches.used else CREW
    if place == crew.memory.shelf:
        return crew
    memory = await crews.memory(workspace_id, crew_id, place)
    return crew.model_copy(update={"memory": memory.model_copy(update={"shelf": place})})


def check_runnable(
    crew: CrewSnapshot, inputs: Mapping[str, Any], most_items: int = MOST_ITEMS
) -> None:
    """Raise `InvalidRequest` unless `crew` is active and `inputs` fill in every placeholder.

    Also raises it if the filled-in texts would be too large, or a list has too many entries.
    """
    _check_active(crew)
    _check_endpoints(crew)
    asked = placeholders(crew)
    missing = [name for name in asked if name not in inputs]
    if missing:
        faults = [
            {
                "field": f"inputs.{name}",
                "reason": f"The crew needs an input named {name}{_spelling_hint(name, inputs, asked)}",
            }
            for name in missing
        ]
        raise several(faults, f"Missing inputs: {', '.join(missing)}.")
    _check_memory_key(crew, inputs)
    _check_size(crew, inputs)
    _check_lists(crew, inputs, most_items)


def _check_active(crew: CrewSnapshot) -> None:
    if crew.status == "active":
        return
    missing = lacks(crew.process, crew.agents, crew.tasks)
    told = "".join(f" {one.field}: {one.reason}." for one in missing[:3])
    raise InvalidRequest(
        f"The crew {crew.id} is not active.{told}",
        field="crew_id",
        reason="The crew is not active; `missing` says what it lacks",
        details={"missing": [one.model_dump() for one in missing]},
    )


def _check_endpoints(crew: CrewSnapshot) -> None:
    names = [name for one in crew.agents for name in (one.model, *one.fallback_models)]
    there = crew.own_models.endpoints
    for name in [*names, *manager_of(crew.configuration, crew.agents).models]:
        endpoint = endpoint_of(name)
        if endpoint is not None and endpoint not in there:
            reason = (
                f"Its model {name} needs the endpoint {endpoint}, which this workspace does not have any more: "
                f"an admin makes it with PUT /models/endpoints/{endpoint}"
            )
            raise InvalidRequest(f"The crew {crew.id} cannot run.", field="crew_id", reason=reason)


def _check_lists(crew: CrewSnapshot, inputs: Mapping[str, Any], most_items: int) -> None:
    fault = first_list_fault(crew, inputs, most_items)
    if fault is not None:
        name, reason = fault
        raise InvalidRequest(
            f"The input {name} does not fit its task: {reason}.",
            field=f"inputs.{name}",
            reason=reason,
        )


def _spelling_hint(name: str, inputs: Mapping[str, Any], asked: Sequence[str]) -> str:
    spare = [given for given in inputs if given not in asked][:200]
    close = difflib.get_close_matches(name[:100], [given[:100] for given in spare], 1, 0.6)
    return f"; it was sent {close[0]}, which it does not ask for" if close else ""


def _check_size(crew: CrewSnapshot, inputs: Mapping[str, Any]) -> None:
    large = oversize(crew, inputs)
    if large is not None:
        name, reason = large
        raise InvalidRequest(
            f"The input {name} is too large for this crew: {reason}.",
            field=f"inputs.{name}",
            reason=reason,
        )


def _check_memory_key(crew: CrewSnapshot, inputs: Mapping[str, Any]) -> None:
    name = _memory_key(crew)
    fault = key_fault(inputs[name]) if name is not None else None
    if fault is not None:
        raise InvalidRequest(
            f"The input {name} cannot tell whose memory is used.",
            field=f"inputs.{name}",
            reason=fault,
        )


def _memory_key(crew: CrewSnapshot) -> str | None:
    switches = crew.configuration.memory
    return key_input(switches.scope) if switches.used else None
