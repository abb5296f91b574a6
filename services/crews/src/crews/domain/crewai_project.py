"""A CrewAI project's `agents.yaml` and `tasks.yaml` as a crew: what has a counterpart, and a warning for what has none.

https://docs.crewai.com/concepts/agents and /tasks list their fields. Names that stand for Python code (tools,
callbacks, Pydantic classes) cannot be brought over; the warnings say what to put there instead.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.contracts.models import canonical, model_fault
from common.contracts.tools import BUILT_IN_BY_NAME
from crews.domain.crewai_fields import (
    AGENT_DEFAULTS,
    DEFAULT_MODEL,
    NO_COUNTERPART,
    SETTINGS,
    TASK_DEFAULTS,
)
from crews.domain.drafts import AgentDraft
from crews.domain.tool_names import same_tool
from crews.domain.yaml_reading import json_value

Warning_ = dict[str, str]
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_LONGEST_ROLE = 200
_NOBODY = (
    "No agent is named in this file (in the project's Python code?): name one, or have a manager hand out the work "
    "in a crew whose process is hierarchical"
)
_MARKDOWN = "The answer is formatted as Markdown, without a code fence around it."


@dataclass
class Imported:
    """What was made of a project: the fields of a `CrewDraft`, and what has no counterpart.

    `places` says where in the files what is in the draft comes from, by the start of its dotted path.
    """

    fields: dict[str, Any]
    warnings: list[Warning_] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    nobody: frozenset[int] = frozenset()
    iterations: dict[str, int] = field(default_factory=dict)
    """What each agent's `max_iter` is."""
    limits: dict[str, float] = field(default_factory=dict)
    """How many seconds a task of each agent may take."""

    def warn(self, path: str, reason: str) -> None:
        self.warnings.append({"path": path[:300], "reason": reason})


def crew_of_project(agents: Any, tasks: Any, own_tools: Collection[str]) -> Imported:
    """Return the crew of a project; `own_tools` are the workspace's. Both files may hold lists or objects."""
    made = Imported({"agents": [], "tasks": []})
    for name, read in _entries(agents, "agents", made):
        made.fields["agents"].append(_agent(name, read, made, own_tools))
    _say_default_model(made)
    _set_configuration(made)
    for name, read in _in_order(_entries(tasks, "tasks", made), made):
        made.fields["tasks"].append(_task(name, read, made, own_tools))
    _set_contexts(made)
    return made


def _entries(read: Any, place: str, made: Imported) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(read, dict) and set(read) == {place} and isinstance(read[place], dict | list):
        read = read[place]
    if isinstance(read, list):
        named = [(_name_of(one, n, place), one) for n, one in enumerate(read)]
    else:
        named = list(read.items()) if isinstance(read, dict) else []
        if read is not None and not isinstance(read, dict):
            made.warn(place, "It is neither an object nor a list, and was left out")
    found = []
    for name, one in named:
        if isinstance(one, dict):
            found.append((str(name), one))
        else:
            made.warn(f"{place}.{name}", "It has no fields, and was left out")
    return found


def _name_of(read: Any, n: int, place: str) -> str:
    if isinstance(read, dict):
        for key in ("name", "id"):
            if isinstance(read.get(key), str):
                return str(read[key])
    return f"{place[:-1]}_{n + 1}"


def _agent(
    name: str, read: Mapping[str, Any], made: Imported, own_tools: Collection[str]
) -> dict[str, Any]:
    at = f"agents.{name}"
    made.places[f"agents.{len(made.fields['agents'])}"] = at
    agent: dict[str, Any] = {"name": _line(name), "role": _role(read, at, made)}
    for key in ("goal", "backstory"):
        if key in read:
            agent[key] = _text(read[key])
    _set_model(agent, read.get("llm"), at, made)
    tools = _tools(read.get("tools"), at, made, own_tools)
    if tools:
        agent["tools"] = tools
    _note_limits(agent["name"], read, at, made)
    if json_value(read.get("verbose")) is True:
        made.fields["configuration"] = {"verbose": True}
    _warn_of_rest(read, _AGENT_FIELDS, AGENT_DEFAULTS, at, made)
    return agent


_AGENT_FIELDS = frozenset({
    "name", "id", "role", "goal", "backstory", "llm", "tools", "max_iter", "max_execution_time", "verbose",
})  # fmt: skip


def _note_limits(name: str, read: Mapping[str, Any], at: str, made: Imported) -> None:
    kept: tuple[tuple[str, dict[str, Any]], ...] = (
        ("max_iter", made.iterations),
        ("max_execution_time", made.limits),
    )
    for key, numbers in kept:
        number = _number(read.get(key))
        if number is not None:
            numbers[name] = number
        elif json_value(read.get(key)) is not None:
            made.warn(f"{at}.{key}", "It is not a number above 0, and was left out")


def _role(read: Mapping[str, Any], at: str, made: Imported) -> str:
    role = _line(_text(read.get("role", "")))
    if len(role) > _LONGEST_ROLE:
        made.warn(
            f"{at}.role", f"A role has at most {_LONGEST_ROLE} characters: the rest was left out"
        )
    return role[:_LONGEST_ROLE].strip()


def _set_model(agent: dict[str, Any], told: Any, at: str, made: Imported) -> None:
    """Set the agent's model, and its settings as far as agents have such here."""
    settings: dict[str, Any] = {}
    if isinstance(told, dict):
        settings = {str(key): json_value(value) for key, value in told.items()}
        provider, name = settings.pop("provider", None), settings.pop("model", None)
        told = f"{provider}/{name}" if provider and name and "/" not in str(name) else name
    name = None if json_value(told) is None else canonical(_line(_text(told)))
    if name is not None and (len(name) > _LONGEST_ROLE or model_fault(name) is not None):
        reason = f"No model here is called {name[:100]} (a name of Python code?): {DEFAULT_MODEL} is used instead"
        made.warn(f"{at}.llm", reason)
        name = DEFAULT_MODEL
    agent["model"] = name or ""
    here = "model_settings" in AgentDraft.model_fields
    for key, value in settings.items():
        if here and key in SETTINGS and value is not None:
            agent.setdefault("model_settings", {})[SETTINGS[key]] = value
        elif value is not None:
            made.warn(f"{at}.llm.{key}", "Agents have no such setting here")


def _say_default_model(made: Imported) -> None:
    without = [agent for agent in made.fields["agents"] if not agent["model"]]
    for agent in without:
        agent["model"] = DEFAULT_MODEL
    if without:
        names = ", ".join(agent["name"] for agent in without)
        reason = f"No llm is given for {names[:500]}: {DEFAULT_MODEL} is used, as by CrewAI"
        made.warn("agents", reason)


def _set_configuration(made: Imported) -> None:
    if not made.iterations:
        return
    numbers = made.iterations
    most = int(min(max(numbers.values()), 200))
    made.fields.setdefault("configuration", {})["max_iterations"] = most
    if len(numbers) < len(made.fields["agents"]) or set(numbers.values()) != {most}:
        for name, number in numbers.items():
            reason = f"It is {number} there; here {most} holds for the whole crew (configuration.max_iterations)"
            made.warn(f"agents.{name}.max_iter", reason)


def _task(
    name: str, read: Mapping[str, Any], made: Imported, own_tools: Collection[str]
) -> dict[str, Any]:
    at = f"tasks.{name}"
    made.places[f"tasks.{len(made.fields['tasks'])}"] = at
    task: dict[str, Any] = {"name": _line(name), "description": ""}
    for key in ("description", "expected_output"):
        if key in read:
            task[key] = _text(read[key])
    _assign(task, read.get("agent"), at, made)
    context = [_line(one) for one in names_in(read.get("context"))]
    tools = _tools(read.get("tools"), at, made, own_tools)
    task |= {key: names for key, names in (("context", context), ("tools", tools)) if names}
    for key in ("async_execution", "human_input"):
        if key in read:
            task[key] = json_value(read[key])
    _set_guardrail(task, read, at, made)
    _set_output(task, read, at, made)
    _warn_of_rest(read, _TASK_FIELDS, TASK_DEFAULTS, at, made)
    return task


_TASK_FIELDS = frozenset({
    "name", "id", "description", "expected_output", "agent", "context", "tools", "async_execution", "human_input",
    "guardrail", "guardrails", "guardrail_max_retries", "max_retries", "output_json", "output_pydantic",
    "response_model", "markdown",
})  # fmt: skip


def _in_order(
    found: list[tuple[str, dict[str, Any]]], made: Imported
) -> list[tuple[str, dict[str, Any]]]:
    """Return the tasks, each after those that its context names."""
    waiting, done = list(found), []
    placed: set[str] = set()
    names = {name for name, _ in found}
    while waiting:
        for entry in waiting:
            if not (set(names_in(entry[1].get("context"))) & names) - placed - {entry[0]}:
                break
        else:
            entry = waiting[0]  # a circle, which the rules of crews refuse
        if entry is not waiting[0]:
            made.warn(
                f"tasks.{waiting[0][0]}.context",
                "It names a task further down; here a task comes after those whose outputs it reads, so it was moved",
            )
        waiting.remove(entry)
        placed.add(entry[0])
        done.append(entry)
    return done


def _assign(task: dict[str, Any], told: Any, at: str, made: Imported) -> None:
    if json_value(told) is None:
        if len(made.fields["agents"]) > 1:
            made.warn(f"{at}.agent", _NOBODY)
        return
    name = _line(_text(told))
    meant = [one for one in made.fields["agents"] if name in {one["name"], one["role"]}]
    if not meant:
        made.warn(f"{at}.agent", f"There is no agent {name[:100]}: name one of the crew's")
        return
    task["agent"] = name
    if meant[0]["name"] in made.limits:
        task["timeout"] = made.limits[meant[0]["name"]]


def _set_contexts(made: Imported) -> None:
    """Leave out of the tasks' contexts what names no task."""
    names = {task["name"] for task in made.fields["tasks"]}
    for place, task in enumerate(made.fields["tasks"]):
        told = task.pop("context", ())
        for name in told:
            if name not in names:
                at = made.places[f"tasks.{place}"]
                made.warn(f"{at}.context", f"There is no task {name[:100]}: it was left out")
        known = [name for name in told if name in names]
        if known:
            task["context"] = known


def _set_guardrail(task: dict[str, Any], read: Mapping[str, Any], at: str, made: Imported) -> None:
    rules: list[Any] = []
    for key in ("guardrail", "guardrails"):
        told = json_value(read.get(key))
        for rule in told if isinstance(told, list) else [told]:
            if rule is None:
                continue
            if isinstance(rule, dict):
                rules.append(rule)
            elif _FUNCTION.fullmatch(str(rule)):
                reason = f"{str(rule)[:100]} is Python code: say in words what must hold, or use a kind of rule (docs/guide/guardrails.md)"
                made.warn(f"{at}.{key}", reason)
            else:
                rules.append(str(rule).strip())
    if rules:
        task["guardrail"] = rules[0] if len(rules) == 1 else rules
    for key in ("guardrail_max_retries", "max_retries"):
        retries = _number(read.get(key), least=0)
        if retries is not None:
            task["max_retries"] = int(min(retries, 10))
            if retries > 10:
                made.warn(f"{at}.{key}", f"It is {int(retries)} there; here it is at most 10")


def _set_output(task: dict[str, Any], read: Mapping[str, Any], at: str, made: Imported) -> None:
    for key in ("output_pydantic", "output_json", "response_model"):
        told = json_value(read.get(key))
        if isinstance(told, dict):
            task["output_schema"] = told
        elif told not in {None, False, ""}:
            reason = f"{str(told)[:100]} is a Python class: put its JSON Schema (`model_json_schema()`) into output_schema"
            made.warn(f"{at}.{key}", reason)
    if json_value(read.get("markdown")) is True:
        output = task.get("expected_output", "")
        task["expected_output"] = f"{output}\n\n{_MARKDOWN}".strip()
        made.warn(f"{at}.markdown", "It became a sentence at the end of expected_output")


def _tools(told: Any, at: str, made: Imported, own_tools: Collection[str]) -> list[str]:
    found: dict[str, None] = {}
    for name in names_in(told):
        meant = name if name in BUILT_IN_BY_NAME or name in own_tools else same_tool(name)
        if meant is not None:
            found[meant] = None
        else:
            reason = f"There is no tool {name[:100]}: register one with POST /tools/custom or /tools/mcp, and name it here"
            made.warn(f"{at}.tools", reason)
    return list(found)


def _warn_of_rest(
    read: Mapping[str, Any],
    known: Collection[str],
    defaults: Mapping[str, Any],
    at: str,
    made: Imported,
) -> None:
    for name, told in read.items():
        value = json_value(told)
        if name in known or value is None or (name in defaults and value == defaults[name]):
            continue
        made.warn(f"{at}.{name}", NO_COUNTERPART.get(name, "There is no such field here"))


def names_in(told: Any) -> list[str]:
    """Return the names in a list, of which one alone may stand without it."""
    listed = told if isinstance(told, list) else [told]
    found = []
    for one in listed:
        name = one.get("name") if isinstance(one, dict) else one
        if isinstance(name, str) and json_value(name) is not None and name.strip():
            found.append(name.strip())
    return found


def _number(told: Any, least: float = 0.5) -> Any:
    value = json_value(told)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
        return None
    return value


def _text(told: Any) -> str:
    value = told if isinstance(told, str) else json_value(told)
    return "" if value is None else str(value).strip()


def _line(text: str) -> str:
    return " ".join(text.split())
