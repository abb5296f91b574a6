"""A crew as a file: one YAML document that people read, keep beside their code, and apply again and again.

It says what a crew is made of, in the words of `POST /crews`, but names where that has ids. What has its default is
left out.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from common.contracts.crew import Configuration
from common.contracts.crew_fields import AgentFields, TaskFields
from common.contracts.graph import input_of_list
from crews.domain.context import reads_as_text
from crews.domain.crew import Agent, Crew, Task
from crews.domain.drafts import CrewDraft
from crews.domain.references import with_other_ids
from crews.domain.typed_reading import fields_for
from crews.domain.yaml_writing import Remarked, yaml_text

FORMAT = 1
MARK = "kasal"
"""The field that tells such a file from others; its value is the format."""
_HEAD = """\
# A crew of Kasal. POST /crews/import makes a crew of this file; with ?crew_id= it changes that crew instead, and
# changes nothing if nothing is different. {input} in a text stands for an input of the job.
"""
_PARTS = {
    "agents": "# Who works in it",
    "tasks": "# What is done, in this order; `context` names the tasks whose outputs a task reads",
    "configuration": "# What it runs under; the rest has its defaults",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REMARK = 50


def crew_file(crew: Crew) -> str:
    """Return the file of `crew`. The same crew always has the same file."""
    names = _FileNames(crew)
    head: dict[str, Any] = {MARK: FORMAT, "name": crew.name}
    if crew.description:
        head["description"] = crew.description
    head["process"] = crew.process
    parts = {
        "agents": [_agent(agent) for agent in crew.agents],
        "tasks": [_task(crew, place, names) for place in range(len(crew.tasks))],
        "configuration": _unlike(crew.configuration, Configuration()),
    }
    pieces = [_HEAD + yaml_text(head)]
    pieces += [f"{_PARTS[name]}\n{yaml_text({name: part})}" for name, part in parts.items() if part]
    return "\n".join(pieces)


def draft_fields(read: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[int]]:
    """Return the fields of a `CrewDraft` in a file of ours, and the tasks that it gives to nobody."""
    fields = fields_for(CrewDraft, {name: one for name, one in read.items() if name != MARK})
    nobody = set()
    tasks = fields.get("tasks")
    for place, task in enumerate(tasks if isinstance(tasks, list) else ()):
        if isinstance(task, dict) and "agent" in task and task["agent"] is None:
            nobody.add(place)
    return fields, frozenset(nobody)


class _FileNames:
    """What a file calls a crew's tasks: their names, or else their places.

    A task without a name that a condition or a list reads gets one, as only names can stand there.
    """

    def __init__(self, crew: Crew) -> None:
        self.made: dict[str, str] = {}
        self.by_id = {task.id: task.name for task in crew.tasks if task.name is not None}
        taken = set(self.by_id.values())
        read = " ".join(f"{task.condition or ''} {task.for_each or ''}" for task in crew.tasks)
        for place, task in enumerate(crew.tasks):
            if task.name is None and task.id in read:
                name = next(n for n in _free_names(place) if n not in taken)
                taken.add(name)
                self.made[task.id] = self.by_id[task.id] = name
        self.places = {task.id: place for place, task in enumerate(crew.tasks)}
        self.described = {task.id: task.description for task in crew.tasks}

    def of(self, task_id: str) -> Any:
        """Return what names a task in a list: its name, or its place with what it is about."""
        if task_id in self.by_id:
            return self.by_id[task_id]
        return self.places[task_id]

    def remark(self, entries: Sequence[str]) -> str:
        """Return what the unnamed tasks among `entries` are about, in characters that a comment may hold."""
        told = [
            _printable(" ".join(self.described[one].split()))[:_REMARK]
            for one in entries
            if one in self.places and one not in self.by_id
        ]
        return "; ".join(told)


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def _free_names(place: int) -> Iterator[str]:
    yield f"step_{place + 1}"
    for n in range(2, 1_000):
        yield f"step_{place + 1}_{n}"


def _agent(agent: Agent) -> dict[str, Any]:
    fields = _set_fields(agent, AgentFields)
    if agent.name == agent.role:
        del fields["name"]
    return fields


def _task(crew: Crew, place: int, names: _FileNames) -> dict[str, Any]:
    task = crew.tasks[place]
    fields = _set_fields(task, TaskFields)
    made = {"name": names.by_id[task.id]} if task.id in names.by_id else {}
    told: dict[str, Any] = {
        **made,
        "description": task.description,
        "expected_output": task.expected_output,
        **_assignment(crew, task),
    }
    if not task.expected_output:
        del told["expected_output"]
    changed: dict[str, Any] = {
        "context": _context(crew, place, names),
        "depends_on": [names.of(one) for one in task.depends_on],
        "condition": _condition(task.condition, names),
        "for_each": _list_name(task.for_each, names),
    }
    for name, value in fields.items():
        if name not in {"name", "agent_id", "description", "expected_output"}:
            told[name] = changed.get(name, value)
    for name in ("context", "depends_on"):
        remark = names.remark(getattr(task, name))
        if remark:
            told[name] = Remarked(told[name], remark)
    return told


def _assignment(crew: Crew, task: Task) -> dict[str, Any]:
    """Return who does the task. A crew's only agent does what the file gives to nobody by name."""
    alone = len(crew.agents) == 1
    if task.agent_id is None:
        return {"agent": None} if alone else {}
    if alone:
        return {}
    agent = next((one for one in crew.agents if one.id == task.agent_id), None)
    if agent is None:
        return {}
    for name in (agent.name, agent.role):
        if sum(name in {one.name, one.role, one.id} for one in crew.agents) == 1:
            return {"agent": name}
    return {"agent": crew.agents.index(agent)}


def _context(crew: Crew, place: int, names: _FileNames) -> list[Any]:
    there = [one for one in names.by_id.values() if one is not None]
    earlier = {names.by_id[one.id] for one in crew.tasks[:place] if one.id in names.by_id}
    told: list[Any] = []
    for entry in crew.tasks[place].context:
        if entry in names.places:
            told.append(names.of(entry))
        elif reads_as_text(entry, earlier, there):
            told.append(entry)
        else:
            told.append({"text": entry})
    return told


def _condition(condition: str | None, names: _FileNames) -> str | None:
    usable = {key: name for key, name in names.by_id.items() if name and _NAME.fullmatch(name)}
    return with_other_ids(condition, usable)


def _list_name(for_each: str | None, names: _FileNames) -> Any:
    if for_each is None or input_of_list(for_each) is not None:
        return for_each
    return names.by_id.get(for_each, for_each)


def _set_fields(entry: BaseModel, declared: type[BaseModel]) -> dict[str, Any]:
    """Return the declared fields of an entry that do not have their defaults, in their order."""
    held = entry.model_dump(mode="json", include=set(declared.model_fields))
    defaults = {
        name: None if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in declared.model_fields.items()
    }
    return {
        name: held[name]
        for name in declared.model_fields
        if declared.model_fields[name].is_required() or not _same(held[name], defaults[name])
    }


def _unlike(held: BaseModel, default: BaseModel) -> dict[str, Any]:
    """Return what is different from the defaults, also inside."""
    told: dict[str, Any] = {}
    for name in type(held).model_fields:
        value, usual = getattr(held, name), getattr(default, name)
        if isinstance(value, BaseModel) and isinstance(usual, BaseModel):
            inner = _unlike(value, usual)
            if inner:
                told[name] = inner
        elif value != usual:
            told[name] = value
    return told


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(
        other, sort_keys=True, default=str
    )
