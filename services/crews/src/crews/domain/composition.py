"""Turns what callers send into a crew, or into a change of one."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from common.contracts.crew import Configuration
from common.contracts.fields import allows_none
from common.ids import new_id
from crews.domain.context import resolved_context
from crews.domain.crew import Agent, Crew, Task
from crews.domain.crew_changes import change
from crews.domain.crew_rules import check, repeated_ids
from crews.domain.drafts import (
    AgentDraft,
    CatalogInput,
    ConfigurationDraft,
    CrewChanges,
    CrewDraft,
    LiteralText,
    TaskDraft,
)
from crews.domain.faults import refuse
from crews.domain.identities import identified_agents, identified_tasks
from crews.domain.references import resolved_list, resolved_tasks, with_other_ids


def new_crew(
    draft: CrewDraft, workspace_id: str, now: datetime, nobody: Collection[int] = ()
) -> Crew:
    """Return the crew that `draft` describes. Raises `InvalidRequest`.

    The tasks at the places in `nobody` get no agent, even of a crew with a single one.
    """
    draft = _with_ids_of_its_own(draft)
    agents = agents_of(draft.agents, None)
    crew = Crew(
        id=new_id("crew"),
        workspace_id=workspace_id,
        name=draft.name,
        description=draft.description,
        process=draft.process,
        agents=agents,
        tasks=tasks_of(draft.tasks, agents, None, nobody),
        configuration=_configuration(draft.configuration),
        created_at=now,
        updated_at=now,
    )
    check(crew)
    return crew


def _with_ids_of_its_own(draft: CrewDraft) -> CrewDraft:
    """Return `draft` with new ids in place of the given ones, wherever they occur.

    So a crew that was read can be sent again to make a copy of it.
    """
    for field, drafts in (("agents", draft.agents), ("tasks", draft.tasks)):
        refuse(list(repeated_ids(field, [entry.id for entry in drafts if entry.id is not None])))
    agents = {agent.id: new_id("agent") for agent in draft.agents if agent.id is not None}
    tasks = {task.id: new_id("task") for task in draft.tasks if task.id is not None}

    def with_new_ids(task: TaskDraft) -> TaskDraft:
        context = [tasks.get(e, e) if isinstance(e, str) else e for e in task.context]
        agent_id = None if task.agent_id is None else agents.get(task.agent_id, task.agent_id)
        changes = {
            "id": None if task.id is None else tasks[task.id],
            "agent_id": agent_id,
            "context": context,
            "depends_on": [tasks.get(e, e) if isinstance(e, str) else e for e in task.depends_on],
            "for_each": None if task.for_each is None else tasks.get(task.for_each, task.for_each),
            "condition": with_other_ids(task.condition, tasks),
        }
        return task.model_copy(update=changes)

    return draft.model_copy(
        update={
            "agents": [
                agent if agent.id is None else agent.model_copy(update={"id": agents[agent.id]})
                for agent in draft.agents
            ],
            "tasks": [with_new_ids(task) for task in draft.tasks],
        }
    )


def applied_crew(crew: Crew, draft: CrewDraft, now: datetime, nobody: Collection[int] = ()) -> Crew:
    """Return `crew` as `draft` describes it as a whole. Raises as `new_crew`.

    Agents and tasks keep their ids by their names.
    """
    agents = agents_of(identified_agents(draft.agents, crew.agents), crew.agents)
    tasks = identified_tasks(draft.tasks, crew.tasks)
    return change(
        crew,
        now,
        name=draft.name,
        description=draft.description,
        process=draft.process,
        agents=agents,
        tasks=tasks_of(tasks, agents, crew.tasks, nobody),
        configuration=_configuration(draft.configuration),
    )


def changed_crew(crew: Crew, changes: CrewChanges, now: datetime) -> Crew:
    """Return `crew` with `changes`. Raises `InvalidRequest`."""
    sent = changes.model_fields_set
    values: dict[str, Any] = {
        name: getattr(changes, name)
        for name in ("name", "description", "process")
        if name in sent and getattr(changes, name) is not None
    }
    agents = crew.agents
    if changes.agents is not None:
        drafts = identified_agents(changes.agents, crew.agents)
        values["agents"] = agents = agents_of(drafts, crew.agents)
    if changes.tasks is not None:
        drafted = identified_tasks(changes.tasks, crew.tasks)
        values["tasks"] = tasks_of(drafted, agents, crew.tasks)
    if changes.configuration is not None:
        values["configuration"] = _merge(crew.configuration, changes.configuration)
    return change(crew, now, **values)


def agents_of(drafts: Sequence[AgentDraft], before: Sequence[Agent] | None) -> tuple[Agent, ...]:
    """Return the agents that `drafts` describe; those with an id must be among `before`.

    With None the crew is new, and so are all ids.
    """
    known = {agent.id: agent.number for agent in before or ()}
    if before is not None:
        _check_known("agents", (draft.id for draft in drafts), known)
    return tuple(
        Agent(
            id=draft.id or new_id("agent"),
            name=draft.name or draft.role,
            number=known.get(draft.id or "", 0),
            **draft.model_dump(exclude={"id", "name"}),
        )
        for draft in drafts
    )


def tasks_of(
    drafts: Sequence[TaskDraft],
    agents: Sequence[Agent],
    before: Sequence[Task] | None,
    nobody: Collection[int] = (),
) -> tuple[Task, ...]:
    """Return the tasks that `drafts` describe, each given to the agent it names."""
    known = {task.id: task.number for task in before or ()}
    if before is not None:
        _check_known("tasks", (draft.id for draft in drafts), known)
    held = {task.id: task.context for task in before or ()}
    ids = [draft.id or new_id("task") for draft in drafts]
    named = _names(drafts, ids)
    return tuple(
        Task(
            id=ids[index],
            agent_id=None if index in nobody else _agent_id(index, draft, agents),
            context=_context(index, drafts, ids, held.get(ids[index], ())),
            depends_on=_depends_on(index, draft, ids, named),
            for_each=resolved_list(draft.for_each, named, f"tasks.{index}.for_each"),
            number=known.get(ids[index], 0),
            **draft.model_dump(exclude=_RESOLVED),
        )
        for index, draft in enumerate(drafts)
    )


_RESOLVED = {"id", "agent", "agent_id", "context", "depends_on", "for_each"}


def _names(drafts: Sequence[TaskDraft], ids: Sequence[str]) -> dict[str, str]:
    """Return the ids of all tasks by name and by id."""
    named = {draft.name: ids[n] for n, draft in enumerate(drafts) if draft.name is not None}
    return {**named, **{task_id: task_id for task_id in ids}}


def _depends_on(
    index: int, draft: TaskDraft, ids: Sequence[str], named: Mapping[str, str]
) -> list[str]:
    """Return the ids of the tasks that a task waits for, given by index, name or id."""
    field = f"tasks.{index}.depends_on"
    for place, entry in enumerate(draft.depends_on):
        if isinstance(entry, int) and not 0 <= entry < len(ids):
            reason = f"{entry} is not the index of a task"
            refuse([{"field": f"{field}.{place}", "reason": reason}])
    texts = [ids[entry] if isinstance(entry, int) else entry for entry in draft.depends_on]
    return resolved_tasks(texts, named, field)


def _check_known(field: str, ids: Iterable[str | None], known: Collection[str]) -> None:
    refuse(
        [
            {
                "field": f"{field}.{index}.id",
                "reason": f"This crew has no {entry_id}; leave the id out for a new entry",
            }
            for index, entry_id in enumerate(ids)
            if entry_id is not None and entry_id not in known
        ]
    )


def _agent_id(index: int, draft: TaskDraft, agents: Sequence[Agent]) -> str | None:
    """Return the id of the agent that a task names; a crew's only agent gets unassigned tasks."""
    if draft.agent_id is not None:
        return str(draft.agent_id)
    if draft.agent is None:
        return only_agent(agents)
    if isinstance(draft.agent, int):
        meant = list(agents[draft.agent : draft.agent + 1]) if draft.agent >= 0 else []
    else:
        meant = [agent for agent in agents if draft.agent in {agent.name, agent.role, agent.id}]
    if len(meant) != 1:
        reason = _no_agent(draft.agent, agents, bool(meant))
        refuse([{"field": f"tasks.{index}.agent", "reason": reason}])
    return meant[0].id


_COMPARED = 30
"""The characters of a name that are compared: each comparison of two names takes as long as their product."""


def only_agent(agents: Sequence[Agent]) -> str | None:
    """Return the id of a crew's only agent, which gets the tasks that name none."""
    return agents[0].id if len(agents) == 1 else None


def _no_agent(named: str | int, agents: Sequence[Agent], several: bool) -> str:
    """Return the reason for refusing a name, role or index that does not mean one agent."""
    names = list(dict.fromkeys(agent.name for agent in agents))
    if several:
        return f"This crew has more than one agent {named!r}: name it by its index, the first is 0"
    known = {name[:_COMPARED]: name for name in [*names, *(agent.role for agent in agents)]}
    close = difflib.get_close_matches(str(named)[:_COMPARED], list(known), 1, 0.6)
    meant = f"; did you mean {known[close[0]]}?" if close else "."
    return f"This crew has no agent {named!r}{meant} Its agents are {', '.join(names)[:300]}"


def _context(
    index: int, drafts: Sequence[TaskDraft], ids: Sequence[str], held: Sequence[str]
) -> list[str]:
    """Return the context with ids in place of the indexes and names of tasks."""
    entries = drafts[index].context
    for place, entry in enumerate(entries):
        if isinstance(entry, int) and not 0 <= entry < index:
            reason = f"{entry} is not the index of an earlier task"
            refuse([{"field": f"tasks.{index}.context.{place}", "reason": reason}])
    literal = {place for place, entry in enumerate(entries) if isinstance(entry, LiteralText)}
    texts = [
        ids[entry]
        if isinstance(entry, int)
        else entry.text
        if isinstance(entry, LiteralText)
        else entry
        for entry in entries
    ]
    names = {draft.name: ids[n] for n, draft in enumerate(drafts[:index]) if draft.name is not None}
    there = [draft.name for draft in drafts if draft.name is not None]
    return resolved_context(texts, names, {*ids, *held}, f"tasks.{index}.context", there, literal)


def _configuration(draft: ConfigurationDraft) -> Configuration:
    return Configuration.model_validate(draft.model_dump())


_WHOLE = frozenset({"manager_model_settings"})
"""Objects of a configuration that replace those before, as an agent's `model_settings` do."""


def _merge(held: Configuration, draft: ConfigurationDraft) -> Configuration:
    """Return `held` with what `draft` sets, inside budget and memory too."""
    merged = held.model_dump()
    for name, value in draft.model_dump(exclude_unset=True).items():
        inside = isinstance(value, dict) and name not in _WHOLE
        merged[name] = {**merged[name], **value} if inside else value
    return Configuration.model_validate(merged)


def changed_values(changes: CatalogInput, kept: type[BaseModel]) -> dict[str, Any]:
    """Return the fields that `changes` sets. Null counts only where the stored model, `kept`, allows it."""
    values = {name: getattr(changes, name) for name in changes.model_fields_set}
    return {
        name: value.model_dump() if isinstance(value, BaseModel) else value
        for name, value in values.items()
        if value is not None or allows_none(kept.model_fields[name])
    }
