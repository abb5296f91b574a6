"""Changes of a crew. Each returns the crew one version on, and raises as `crew_rules.check` does."""

from datetime import datetime
from typing import Any

from common.errors import Conflict
from crews.domain.context import with_resolved_context
from crews.domain.crew import Agent, Crew, Task
from crews.domain.crew_rules import check
from crews.domain.graph_rules import readers
from crews.domain.references import with_resolved_references


def change(crew: Crew, now: datetime, *, at: str = "", **changes: Any) -> Crew:
    """Return the crew with other values for some fields; see `check` for `at`."""
    after = crew.model_copy(update={**changes, "updated_at": now, "version": crew.version + 1})
    check(after, at)
    return after


def put_agent(crew: Crew, agent: Agent, now: datetime) -> Crew:
    """Return the crew with a new agent, or with the one of the same id replaced."""
    agents = {entry.id: entry for entry in (*crew.agents, agent)}  # a known id keeps its place
    at = f"agents.{list(agents).index(agent.id)}."
    return change(crew, now, at=at, agents=tuple(agents.values()))


def put_task(crew: Crew, task: Task, now: datetime) -> Crew:
    """Return the crew with a new task at its end, or with the one of the same id replaced."""
    tasks = {entry.id: entry for entry in (*crew.tasks, _with_resolved_names(crew, task))}
    at = f"tasks.{list(tasks).index(task.id)}."
    return change(crew, now, at=at, tasks=tuple(tasks.values()))


def _with_resolved_names(crew: Crew, task: Task) -> Task:
    """Return `task` with ids in place of the names of other tasks."""
    return with_resolved_references(crew, with_resolved_context(crew, task))


def drop_agent(crew: Crew, agent_id: str, now: datetime) -> Crew:
    """Return the crew without an agent.

    Raises `NotFound`, and `Conflict` for an agent that has tasks or is the last one.
    """
    crew.agent(agent_id)
    theirs = [task.id for task in crew.tasks if task.agent_id == agent_id]
    if theirs:
        raise Conflict(
            f"The agent {agent_id} still has tasks; delete them or give them to another.",
            details={"tasks": theirs},
        )
    if len(crew.agents) == 1:
        raise Conflict(f"The agent {agent_id} is the crew's only one; delete the crew instead.")
    return change(crew, now, agents=tuple(agent for agent in crew.agents if agent.id != agent_id))


def drop_task(crew: Crew, task_id: str, now: datetime) -> Crew:
    """Return the crew without a task.

    Raises `NotFound`, and `Conflict` when another task names this one.
    """
    crew.task(task_id)
    naming = readers(crew.tasks, task_id)
    if naming:
        raise Conflict(
            f"Other tasks build on the task {task_id} or wait for it.",
            details={"tasks": naming},
        )
    return change(crew, now, tasks=tuple(task for task in crew.tasks if task.id != task_id))
