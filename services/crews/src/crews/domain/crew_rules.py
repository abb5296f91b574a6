"""What makes a crew sound."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common.contracts.crew import manager_of
from common.contracts.models import provider_of
from common.contracts.texts import look
from crews.domain.context import is_task_id
from crews.domain.crew import Crew, Task
from crews.domain.faults import Fault, refuse
from crews.domain.graph_rules import graph_faults

MOST_AGENTS, MOST_TASKS = 50, 200
MOST_BYTES = 1_000_000
"""Size limit of a whole crew as JSON: it is one document, read and written as one."""


def check(crew: Crew, at: str = "") -> None:
    """Raise `InvalidRequest`, naming every fault, unless the crew is sound.

    `at` is the path of the one entry that was sent, if only one was; faults are named relative to it.
    """
    refuse(list(_faults(crew)), at)
    if len(crew.model_dump_json().encode()) > MOST_BYTES:
        reason = (
            f"A crew may take at most {MOST_BYTES} bytes as JSON with all of its agents and tasks: "
            "shorten their texts, or split it into two crews"
        )
        refuse([{"field": "body", "reason": reason}])


def _faults(crew: Crew) -> Iterable[Fault]:
    if not crew.agents:
        yield {"field": "agents", "reason": "At least one agent required"}
    for field, entries, most in (
        ("agents", crew.agents, MOST_AGENTS),
        ("tasks", crew.tasks, MOST_TASKS),
    ):
        if len(entries) > most:
            yield {"field": field, "reason": f"At most {most} are allowed"}
        yield from repeated_ids(field, [entry.id for entry in entries])
    yield from _name_clashes("tasks", [task.name for task in crew.tasks])
    if crew.process == "hierarchical":  # its manager hands out work by name
        yield from _name_clashes("agents", [agent.name for agent in crew.agents])
    yield from _model_faults(crew)
    known = {agent.id for agent in crew.agents}
    earlier: set[str] = set()
    for index, task in enumerate(crew.tasks):
        if task.agent_id is not None and task.agent_id not in known:
            reason = f"This crew has no agent {task.agent_id}"
            yield {"field": f"tasks.{index}.agent_id", "reason": reason}
        yield from _context_faults(index, task, earlier)
        earlier.add(task.id)
    yield from graph_faults(crew.tasks)


def _model_faults(crew: Crew) -> Iterable[Fault]:
    for index, agent in enumerate(crew.agents):
        models = (agent.model, *agent.fallback_models)
        yield from _settings_faults(f"agents.{index}.model_settings", agent.model_settings, models)
    manager = manager_of(crew.configuration, crew.agents)
    yield from _settings_faults(
        "configuration.manager_model_settings", manager.settings, manager.models
    )


def _settings_faults(
    field: str, settings: Mapping[str, Any] | None, models: Sequence[str]
) -> Iterable[Fault]:
    if (settings or {}).get("temperature", 0) <= 1:
        return
    for name in models:
        if provider_of(name)[0] == "anthropic":
            yield {
                "field": f"{field}.temperature",
                "reason": f"The model {name} takes a temperature of at most 1",
            }
            return


def repeated_ids(field: str, ids: Sequence[str]) -> Iterable[Fault]:
    """Yield a fault for each id that occurs a second time."""
    for index, entry in enumerate(ids):
        if entry in ids[:index]:
            yield {"field": f"{field}.{index}.id", "reason": f"{entry} is given twice"}


def _name_clashes(field: str, names: Sequence[str | None]) -> Iterable[Fault]:
    places: dict[str, int] = {}
    for index, name in enumerate(names):
        if name is None:
            continue
        first = places.setdefault(look(name), index)
        if first != index:
            reason = f"{name} is, or looks like, the name of {field}.{first} too; give each a name of its own"
            yield {"field": f"{field}.{index}.name", "reason": reason}


def _context_faults(index: int, task: Task, earlier: set[str]) -> Iterable[Fault]:
    for place, entry in enumerate(task.context):
        if is_task_id(entry) and entry not in earlier:
            reason = f"{entry} is not an earlier task of this crew"
            yield {"field": f"tasks.{index}.context.{place}", "reason": reason}
