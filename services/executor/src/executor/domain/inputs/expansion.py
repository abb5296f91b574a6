"""The size of a crew's texts once a job's inputs are filled in."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from common.contracts.crew import AgentSnapshot, CrewSnapshot, TaskSnapshot
from executor.domain.inputs.placeholders import as_text, names

EXPANDED = 2_000_000
"""Characters that all texts of a crew together may have once filled in."""


def texts(crew: CrewSnapshot) -> Iterator[str]:
    """Yield the texts of a crew whose every placeholder needs an input."""
    for agent in crew.agents:
        yield from agent_texts(agent)
    for task in crew.tasks:
        yield from task_texts(task)


def agent_texts(agent: AgentSnapshot) -> tuple[str, ...]:
    """Return the texts of an agent that have placeholders."""
    return (agent.role, agent.goal, agent.backstory)


def task_texts(task: TaskSnapshot) -> tuple[str, ...]:
    """Return the texts of a task whose every placeholder needs an input."""
    return (task.description, task.expected_output)


def _contexts(crew: CrewSnapshot) -> Iterator[str]:
    """Yield the texts in which a placeholder without an input stays as it is."""
    for task in crew.tasks:
        yield from task.context


def oversize(crew: CrewSnapshot, inputs: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return which input makes `crew`'s texts too long, and why; None if they are not too long."""
    written = [*texts(crew), *_contexts(crew)]
    used = Counter(name for text in written for name in names(text))
    sizes = {name: used[name] * len(as_text(inputs[name])) for name in used if name in inputs}
    total = sum(map(len, written)) + sum(sizes.values())
    if total <= EXPANDED or not sizes:
        return None
    name = max(sizes, key=lambda one: sizes[one])
    reason = (
        f"The crew's texts use it {used[name]} times: filled in, they would have about {total:,} "
        f"characters, and at most {EXPANDED:,} are allowed"
    )
    return name, reason
