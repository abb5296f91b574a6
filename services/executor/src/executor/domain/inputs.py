"""Placeholders: `{name}` in a crew's texts, which a job's inputs fill in."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from common.contracts.crew import CrewSnapshot
from common.errors import InvalidRequest, several

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")


def placeholders(crew: CrewSnapshot) -> list[str]:
    """Return the names that `crew`'s texts ask for, in order of appearance, each once.

    Other braces (`{}`, `{ x }`, `{1}`, JSON) are not placeholders.
    """
    found = (name for text in _texts(crew) for name in _PLACEHOLDER.findall(text))
    return list(dict.fromkeys(found))


def _texts(crew: CrewSnapshot) -> Iterator[str]:
    for agent in crew.agents:
        yield from (agent.role, agent.goal, agent.backstory)
    for task in crew.tasks:
        yield from (task.description, task.expected_output)


def check_runnable(crew: CrewSnapshot, inputs: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` unless `crew` is active and `inputs` fill in every placeholder."""
    if crew.status != "active":
        raise InvalidRequest(
            f"The crew {crew.id} is not active: every task needs an agent, and it needs a task.",
            field="crew_id",
            reason="The crew is not active",
        )
    missing = [name for name in placeholders(crew) if name not in inputs]
    if missing:
        faults = [
            {"field": f"inputs.{name}", "reason": f"The crew needs an input named {name}"}
            for name in missing
        ]
        raise several(faults, f"Missing inputs: {', '.join(missing)}.")
