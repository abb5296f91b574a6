"""Crews with their agents and tasks: what they are, and what makes one sound."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from common.contracts.crew import Configuration, Process
from common.errors import Conflict, NotFound, several

CrewStatus = Literal["configuring", "active"]
MOST_AGENTS, MOST_TASKS = 50, 200
MOST_BYTES = 1_000_000
"""Of a whole crew as JSON: it is one document, read and written as one."""
_INVALID = "Invalid crew configuration"


class Agent(BaseModel):
    """A member of a crew. `number` counts the workspace's agents as they come; the store gives it."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    role: str
    goal: str
    backstory: str = ""
    model: str
    tools: tuple[str, ...] = ()
    number: int = 0


class Task(BaseModel):
    """A task. `context` holds texts and ids of earlier tasks; `timeout` is in seconds.

    `number` counts the workspace's tasks as they come; the store gives it.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str | None = None
    description: str
    expected_output: str
    agent_id: str | None = None
    context: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    async_execution: bool = False
    output_schema: dict[str, Any] | None = None
    human_input: bool = False
    guardrail: str | None = None
    max_retries: int = 2
    max_reviews: int = 5
    timeout: float | None = None
    number: int = 0


Entry = TypeVar("Entry", Agent, Task)


class Crew(BaseModel):
    """A crew, one document with its agents and tasks. `version` rises with every change."""

    model_config = ConfigDict(frozen=True)

    id: str
    workspace_id: str
    name: str
    description: str = ""
    process: Process
    agents: tuple[Agent, ...]
    tasks: tuple[Task, ...] = ()
    configuration: Configuration = Configuration()
    created_at: datetime
    updated_at: datetime
    version: int = 1
    number: int = 0

    @property
    def status(self) -> CrewStatus:
        """`active` once there is a task and every task has an agent, or a manager who finds one."""
        known: set[str | None] = {agent.id for agent in self.agents}
        if self.process == "hierarchical":
            known.add(None)
        ready = bool(self.tasks) and all(task.agent_id in known for task in self.tasks)
        return "active" if ready else "configuring"

    def agent(self, agent_id: str) -> Agent:
        """Return an agent. Raises `NotFound`."""
        for agent in self.agents:
            if agent.id == agent_id:
                return agent
        raise NotFound(f"There is no agent {agent_id}.")

    def task(self, task_id: str) -> Task:
        """Return a task. Raises `NotFound`."""
        for task in self.tasks:
            if task.id == task_id:
                return task
        raise NotFound(f"There is no task {task_id}.")

    def changed(self, now: datetime, *, at: str = "", **changes: Any) -> "Crew":
        """Return the crew with `changes`, one version on. Raises as `check` does."""
        after = self.model_copy(update={**changes, "updated_at": now, "version": self.version + 1})
        check(after, at)
        return after

    def with_agent(self, agent: Agent, now: datetime) -> "Crew":
        """Return the crew with a new agent, or the one of the same id replaced."""
        agents = {one.id: one for one in (*self.agents, agent)}  # a known id keeps its place
        at = f"agents.{list(agents).index(agent.id)}."
        return self.changed(now, at=at, agents=tuple(agents.values()))

    def with_task(self, task: Task, now: datetime) -> "Crew":
        """Return the crew with a new task at its end, or the one of the same id replaced."""
        tasks = {one.id: one for one in (*self.tasks, task)}
        at = f"tasks.{list(tasks).index(task.id)}."
        return self.changed(now, at=at, tasks=tuple(tasks.values()))

    def without_agent(self, agent_id: str, now: datetime) -> "Crew":
        """Raises `NotFound`, and `Conflict` for an agent that has tasks or is the last one."""
        self.agent(agent_id)
        theirs = [task.id for task in self.tasks if task.agent_id == agent_id]
        if theirs:
            raise Conflict(
                f"The agent {agent_id} still has tasks; delete them or give them to another.",
                details={"tasks": theirs},
            )
        if len(self.agents) == 1:
            raise Conflict(f"The agent {agent_id} is the crew's only one; delete the crew instead.")
        return self.changed(now, agents=tuple(a for a in self.agents if a.id != agent_id))

    def without_task(self, task_id: str, now: datetime) -> "Crew":
        """Raises `NotFound`, and `Conflict` when another task reads this one's output."""
        self.task(task_id)
        readers = [task.id for task in self.tasks if task_id in task.context]
        if readers:
            raise Conflict(
                f"The output of the task {task_id} is the context of others.",
                details={"tasks": readers},
            )
        return self.changed(now, tasks=tuple(t for t in self.tasks if t.id != task_id))


def check(crew: Crew, at: str = "") -> None:
    """Raise `InvalidRequest`, naming every fault, unless the crew is sound.

    `at` is taken off the dotted paths where only one entry was sent: they are then that entry's own.
    """
    refuse(list(_faults(crew)), at)
    if len(crew.model_dump_json()) > MOST_BYTES:
        reason = f"A crew may take at most {MOST_BYTES} bytes as JSON"
        refuse([{"field": "body", "reason": reason}])


def refuse(faults: Sequence[Mapping[str, str]], at: str = "") -> None:
    """Raise `InvalidRequest` for `faults`, if there are any."""
    if faults:
        shown = [{**fault, "field": fault["field"].removeprefix(at)} for fault in faults]
        raise several(shown, _INVALID)


def _faults(crew: Crew) -> Iterable[dict[str, str]]:
    if not crew.agents:
        yield {"field": "agents", "reason": "At least one agent required"}
    for field, entries, most in (
        ("agents", crew.agents, MOST_AGENTS),
        ("tasks", crew.tasks, MOST_TASKS),
    ):
        if len(entries) > most:
            yield {"field": field, "reason": f"At most {most} are allowed"}
        yield from _repeated(field, [entry.id for entry in entries])
    known = {agent.id for agent in crew.agents}
    earlier: set[str] = set()
    for index, task in enumerate(crew.tasks):
        if task.agent_id is not None and task.agent_id not in known:
            reason = f"This crew has no agent {task.agent_id}"
            yield {"field": f"tasks.{index}.agent_id", "reason": reason}
        yield from _context_faults(index, task, earlier)
        earlier.add(task.id)


def _repeated(field: str, ids: list[str]) -> Iterable[dict[str, str]]:
    for index, entry in enumerate(ids):
        if entry in ids[:index]:
            yield {"field": f"{field}.{index}.id", "reason": f"{entry} is given twice"}


def _context_faults(index: int, task: Task, earlier: set[str]) -> Iterable[dict[str, str]]:
    for place, entry in enumerate(task.context):
        if is_task_id(entry) and entry not in earlier:
            reason = f"{entry} is not an earlier task of this crew"
            yield {"field": f"tasks.{index}.context.{place}", "reason": reason}


def is_task_id(text: str) -> bool:
    """Say whether a context entry names a task rather than being a text."""
    return text.startswith("task_") and text.replace("_", "").isalnum()


def tools_named(crew: Crew) -> set[str]:
    """Return the names of all tools that the crew's agents and tasks may call."""
    by_agents = {name for agent in crew.agents for name in agent.tools}
    return by_agents | {name for task in crew.tasks for name in task.tools}


def tool_faults(crew: Crew, known: Callable[[str], bool]) -> list[dict[str, str]]:
    """Return a fault for each tool that an agent or a task names and nobody knows."""
    named = [("agents", i, agent.tools) for i, agent in enumerate(crew.agents)]
    named += [("tasks", i, task.tools) for i, task in enumerate(crew.tasks)]
    return [
        {"field": f"{field}.{index}.tools.{place}", "reason": f"There is no tool {name}"}
        for field, index, tools in named
        for place, name in enumerate(tools)
        if not known(name)
    ]


def new_schemas(crew: Crew, before: Crew | None = None) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the schemas that tasks did not have `before`, each with the dotted path of its field."""
    held = {task.id: task.output_schema for task in before.tasks} if before is not None else {}
    return [
        (f"tasks.{index}.output_schema", task.output_schema)
        for index, task in enumerate(crew.tasks)
        if task.output_schema is not None and task.output_schema != held.get(task.id)
    ]
