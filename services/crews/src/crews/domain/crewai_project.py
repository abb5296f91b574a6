"""A CrewAI project's `agents.yaml` and `tasks.yaml` as a crew: what has a counterpart, and a warning for what has none.

https://docs.crewai.com/concepts/agents and /tasks list their fields. Names that stand for Python code (tools,
callbacks, Pydantic classes) cannot be brought over; the warnings say what to put there instead.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from common.contracts.tools import BUILT_IN_BY_NAME
from crews.domain.crew_rules import MOST_AGENTS, MOST_TASKS
from crews.domain.crewai_crew import set_iterations
from crews.domain.crewai_entries import entries_of, in_order
from crews.domain.crewai_fields import (
    AGENT_DEFAULTS,
    DEFAULT_MODEL,
    NO_COUNTERPART,
    TASK_DEFAULTS,
)
from crews.domain.crewai_models import model_in
from crews.domain.crewai_values import is_true, line_of, names_of, number_of, text_of
from crews.domain.imported import Imported
from crews.domain.tool_names import same_tool
from crews.domain.yaml_reading import json_value

_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_LONGEST_ROLE = 200
_LONGEST_NAME = 200
"""How much of a name stands in a path."""
_NOBODY = (
    "No agent is named in this file (in the project's Python code?): name one, or have a manager hand out the work "
    "in a crew whose process is hierarchical"
)
_MARKDOWN = "The answer is formatted as Markdown, without a code fence around it."


def crew_of_project(
    agents: Any, tasks: Any, own_tools: Collection[str], *, managed: bool = False
) -> Imported:
    """Return the crew of a project; `own_tools` are the workspace's. Both files may hold lists or objects.

    `managed`: its manager finds an agent for a task without one. Raises `InvalidRequest` if there are more of
    either than a crew may have.
    """
    made = Imported({"agents": [], "tasks": []}, managed=managed)
    for name, read in entries_of(agents, "agents", MOST_AGENTS, made):
        made.fields["agents"].append(_agent(name, read, made, own_tools))
    _say_default_model(made)
    set_iterations(made)
    for name, read in in_order(entries_of(tasks, "tasks", MOST_TASKS, made), made):
        made.fields["tasks"].append(_task(name, read, made, own_tools))
    _set_contexts(made)
    return made


def _agent(
    name: str, read: Mapping[str, Any], made: Imported, own_tools: Collection[str]
) -> dict[str, Any]:
    at = f"agents.{name[:_LONGEST_NAME]}"
    made.places[f"agents.{len(made.fields['agents'])}"] = at
    agent: dict[str, Any] = {"name": line_of(name), "role": _role(read, at, made)}
    for key in ("goal", "backstory"):
        if key in read:
            agent[key] = text_of(read[key], f"{at}.{key}", made)
    agent["model"], settings = model_in(read.get("llm"), f"{at}.llm", made)
    if settings:
        agent["model_settings"] = settings
    tools = _tools(read.get("tools"), at, made, own_tools)
    if tools:
        agent["tools"] = tools
    _note_limits(agent["name"], read, at, made)
    if is_true(read.get("verbose"), f"{at}.verbose", made):
        made.fields.setdefault("configuration", {})["verbose"] = True
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
        number = number_of(read.get(key))
        if number is not None:
            numbers[name] = number
        elif json_value(read.get(key)) is not None:
            made.warn(f"{at}.{key}", "It is not a number above 0, and was left out")


def _role(read: Mapping[str, Any], at: str, made: Imported) -> str:
    role = line_of(text_of(read.get("role", ""), f"{at}.role", made))
    if len(role) > _LONGEST_ROLE:
        made.warn(
            f"{at}.role", f"A role has at most {_LONGEST_ROLE} characters: the rest was left out"
        )
    return role[:_LONGEST_ROLE].strip()


def _say_default_model(made: Imported) -> None:
    without = [agent for agent in made.fields["agents"] if not agent["model"]]
    for agent in without:
        agent["model"] = DEFAULT_MODEL
    if without:
        names = ", ".join(agent["name"] for agent in without)
        reason = f"No llm is given for {names[:500]}: {DEFAULT_MODEL} is used, as by CrewAI"
        made.warn("agents", reason)


def _task(
    name: str, read: Mapping[str, Any], made: Imported, own_tools: Collection[str]
) -> dict[str, Any]:
    at = f"tasks.{name[:_LONGEST_NAME]}"
    made.places[f"tasks.{len(made.fields['tasks'])}"] = at
    task: dict[str, Any] = {"name": line_of(name), "description": ""}
    for key in ("description", "expected_output"):
        if key in read:
            task[key] = text_of(read[key], f"{at}.{key}", made)
    _assign(task, read.get("agent"), at, made)
    context = [line_of(one) for one in names_of(read.get("context"), f"{at}.context", made)]
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


def _assign(task: dict[str, Any], told: Any, at: str, made: Imported) -> None:
    name = line_of(text_of(told, f"{at}.agent", made))
    if not name:
        if len(made.fields["agents"]) > 1 and not made.managed:
            made.warn(f"{at}.agent", _NOBODY)
        return
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
            if isinstance(rule, dict):
                rules.append(rule)
            elif isinstance(rule, str) and not _FUNCTION.fullmatch(rule):
                rules.append(rule.strip())
            elif isinstance(rule, str):
                reason = f"{rule[:100]} is Python code: say in words what must hold, or use a kind of rule (docs/guide/guardrails.md)"
                made.warn(f"{at}.{key}", reason)
            elif rule is not None:
                made.warn(f"{at}.{key}", f"{str(rule)[:100]} is no rule, and was left out")
    if rules:
        task["guardrail"] = rules[0] if len(rules) == 1 else rules
    for key in ("guardrail_max_retries", "max_retries"):
        _set_retries(task, read.get(key), f"{at}.{key}", made)


def _set_retries(task: dict[str, Any], told: Any, at: str, made: Imported) -> None:
    retries = number_of(told, least=0)
    if retries is None:
        if json_value(told) is not None:
            made.warn(at, "It is not a number from 0, and was left out")
        return
    task["max_retries"] = int(min(retries, 10))
    if retries > 10:
        made.warn(at, f"It is {retries} there; here it is at most 10")


def _set_output(task: dict[str, Any], read: Mapping[str, Any], at: str, made: Imported) -> None:
    for key in ("output_pydantic", "output_json", "response_model"):
        told = json_value(read.get(key))
        if isinstance(told, dict):
            task["output_schema"] = told
        elif told not in (None, False, ""):
            reason = f"{str(told)[:100]} is a Python class: put its JSON Schema (`model_json_schema()`) into output_schema"
            made.warn(f"{at}.{key}", reason)
    if is_true(read.get("markdown"), f"{at}.markdown", made):
        output = task.get("expected_output", "")
        task["expected_output"] = f"{output}\n\n{_MARKDOWN}".strip()
        made.warn(f"{at}.markdown", "It became a sentence at the end of expected_output")


def _tools(told: Any, at: str, made: Imported, own_tools: Collection[str]) -> list[str]:
    found: dict[str, None] = {}
    for name in names_of(told, f"{at}.tools", made):
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
