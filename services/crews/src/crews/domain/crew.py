"""Crews with their agents and tasks: what they are, and what makes one sound."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from common.contracts.crew import (
    AgentSnapshot,
    Configuration,
    Lack,
    Process,
    TaskSnapshot,
    lacks,
)
from common.contracts.texts import look
from common.errors import Conflict, NotFound, several

CrewStatus = Literal["configuring", "active"]
MOST_AGENTS, MOST_TASKS = 50, 200
MOST_BYTES = 1_000_000
"""Of a whole crew as JSON: it is one document, read and written as one."""
_NAMELIKE = re.compile(
    r"(?=[A-Za-z0-9_-]{1,100}\Z)(?:.*_.*|(?=.*-)(?=.*\d).*|(?i:task)-?\d*)", re.ASCII
)
"""Words as names of tasks are written: `research_task`, `step-2`, `Task1`."""
_INVALID = "Invalid crew configuration"


class Agent(AgentSnapshot):
    """An agent of a crew. `number` counts the workspace's agents in order; the store assigns it."""

    number: int = 0


class Task(TaskSnapshot):
    """A task of a crew. `number` counts the workspace's tasks in order; the store assigns it."""

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
        return "configuring" if self.lacks else "active"

    @property
    def lacks(self) -> list[Lack]:
        """What it still needs to be active."""
        return lacks(self.process, self.agents, self.tasks)

    def with_names(self, task: Task) -> Task:
        """Return `task` with ids in its context for the tasks before it that it names."""
        ids = [one.id for one in self.tasks]
        place = ids.index(task.id) if task.id in ids else len(ids)
        names = {one.name: one.id for one in self.tasks[:place] if one.name is not None}
        held = self.tasks[place].context if place < len(ids) else []
        there = [one.name for one in (*self.tasks, task) if one.name is not None]
        context = named(task.context, names, held, "context", there)
        return task.model_copy(update={"context": context})

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
        tasks = {one.id: one for one in (*self.tasks, self.with_names(task))}
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
    if len(crew.model_dump_json().encode()) > MOST_BYTES:
        reason = (
            f"A crew may take at most {MOST_BYTES} bytes as JSON with all of its agents and tasks: "
            "shorten their texts, or make two crews of it"
        )
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
        yield from repeated(field, [entry.id for entry in entries])
    yield from _same_names("tasks", [task.name for task in crew.tasks])
    if crew.process == "hierarchical":  # its manager hands out work by name
        yield from _same_names("agents", [agent.name for agent in crew.agents])
    known = {agent.id for agent in crew.agents}
    earlier: set[str] = set()
    for index, task in enumerate(crew.tasks):
        if task.agent_id is not None and task.agent_id not in known:
            reason = f"This crew has no agent {task.agent_id}"
            yield {"field": f"tasks.{index}.agent_id", "reason": reason}
        yield from _context_faults(index, task, earlier)
        earlier.add(task.id)


def repeated(field: str, ids: Sequence[str]) -> Iterable[dict[str, str]]:
    for index, entry in enumerate(ids):
        if entry in ids[:index]:
            yield {"field": f"{field}.{index}.id", "reason": f"{entry} is given twice"}


def _same_names(field: str, names: Sequence[str | None]) -> Iterable[dict[str, str]]:
    places: dict[str, int] = {}
    for index, name in enumerate(names):
        if name is None:
            continue
        first = places.setdefault(look(name), index)
        if first != index:
            reason = f"{name} is, or looks like, the name of {field}.{first} too; give each a name of its own"
            yield {"field": f"{field}.{index}.name", "reason": reason}


def _context_faults(index: int, task: Task, earlier: set[str]) -> Iterable[dict[str, str]]:
    for place, entry in enumerate(task.context):
        if is_task_id(entry) and entry not in earlier:
            reason = f"{entry} is not an earlier task of this crew"
            yield {"field": f"tasks.{index}.context.{place}", "reason": reason}


def named(
    context: Sequence[str],
    names: Mapping[str, str],
    taken: Collection[str],
    field: str,
    there: Collection[str],
) -> list[str]:
    """Return `context` with ids for the `names` of earlier tasks; what is in `taken` stays.

    A word that looks like the name of a task and names none is a mistake, not a text: it is written
    as names are, or is nearly one of those that are `there`. Raises `InvalidRequest`.
    """
    faults = [
        {"field": f"{field}.{place}", "reason": _no_task(entry, names)}
        for place, entry in enumerate(context)
        if entry not in names
        and entry not in taken
        and not is_task_id(entry)
        and _may_be_name(entry, there)
    ]
    refuse(faults)
    return [names.get(entry, entry) for entry in context]


def _may_be_name(entry: str, names: Iterable[str]) -> bool:
    if _NAMELIKE.match(entry):
        return True
    if " " in entry or len(entry) > 100:
        return False
    known = [name.casefold() for name in names]
    return bool(difflib.get_close_matches(entry.casefold(), known, 1, 0.8))


def _no_task(entry: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(entry, list(names), 1, 0.6)
    there = (
        f"the earlier tasks are named {', '.join(names)}" if names else "no earlier task has a name"
    )
    meant = f"did you mean {close[0]}? " if close else ""
    return f"No earlier task is named {entry}; {meant}{there[:300]}. A text has spaces in it"


def is_task_id(text: str) -> bool:
    """Say whether a context entry names a task rather than being a text."""
    return text.startswith("task_") and text.replace("_", "").isalnum()


def tools_named(crew: Crew) -> set[str]:
    """Return the names of all tools that the crew's agents and tasks may call."""
    by_agents = {name for agent in crew.agents for name in agent.tools}
    return by_agents | {name for task in crew.tasks for name in task.tools}


_SAME_TOOLS = {
    "serper_dev": "web_search", "serperdevtool": "web_search", "duckduckgo": "web_search",
    "scrape_website": "web_fetch", "scrapewebsitetool": "web_fetch",
    "filereadtool": "file_reader", "file_read": "file_reader", "directoryreadtool": "file_reader",
}  # fmt: skip
"""What other platforms call our built-in tools."""


def _no_tool(name: str, there: Collection[str]) -> str:
    close = difflib.get_close_matches(name, list(there), 1, 0.6)
    meant = _SAME_TOOLS.get(name.lower()) or (close[0] if close else None)
    told = f"; did you mean {meant}?" if meant else ""
    return f"There is no tool {name}{told}. There are {', '.join(sorted(there))[:500]}"


def tool_faults(crew: Crew, there: Collection[str]) -> list[dict[str, str]]:
    """Return a fault for each tool that an agent or a task names and nobody knows."""
    named = [("agents", i, agent.tools) for i, agent in enumerate(crew.agents)]
    named += [("tasks", i, task.tools) for i, task in enumerate(crew.tasks)]
    return [
        {"field": f"{field}.{index}.tools.{place}", "reason": _no_tool(name, there)}
        for field, index, tools in named
        for place, name in enumerate(tools)
        if name not in there
    ]


def new_schemas(crew: Crew, before: Crew | None = None) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the schemas that tasks did not have `before`, each with the dotted path of its field."""
    held = {task.id: task.output_schema for task in before.tasks} if before is not None else {}
    return [
        (f"tasks.{index}.output_schema", task.output_schema)
        for index, task in enumerate(crew.tasks)
        if task.output_schema is not None and task.output_schema != held.get(task.id)
    ]
