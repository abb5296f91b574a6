"""Suggestions for unknown fields of a body."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from common.contracts.alternatives import alternative_name

_WATCH = "the events of a job are watched, over a WebSocket or as SSE"
_PLAN = "ask for a plan in the task's description, or name a model that reasons"
_KNOWLEDGE = "give the agent the tool file_reader, or the texts as an input"
_ELSEWHERE = {
    "llm": "it is called model",
    "model_name": "it is called model",
    "manager_llm": "it is configuration.manager_model of the crew",
    "planning": _PLAN,
    "reasoning": _PLAN,
    "knowledge": _KNOWLEDGE,
    "allow_code_execution": "give the agent the tool code_runner, where the operator offers it",
    "output_pydantic": "it is called output_schema, a JSON Schema",
    "output_json": "it is called output_schema, a JSON Schema",
    "response_model": "it is called output_schema, a JSON Schema",
    "max_iter": "it is configuration.max_iterations of the crew",
    "output_file": "the output is in the job's result; an agent that must write a file has the tool file_writer",
    "verbose": "it is configuration.verbose of the crew",
    "memory": "it is configuration.memory of the crew",
    "markdown": "say in expected_output that the answer is Markdown",
    "manager_agent": "name its model: configuration.manager_model of the crew",
    "knowledge_sources": _KNOWLEDGE,
    "max_execution_time": "it is called timeout, on a task, or configuration.timeout of the crew",
    "allow_delegation": "a crew whose process is hierarchical delegates, through its manager",
    "async": "it is called async_execution",
    "when": "it is called condition",
    "if": "it is called condition",
    "needs": "it is called depends_on",
    "after": "it is called depends_on",
    "dependencies": "it is called depends_on",
    "foreach": "it is called for_each",
    "loop": "it is called for_each",
    **dict.fromkeys(("callback", "callbacks", "step_callback", "task_callback"), _WATCH),
    "human": "it is called human_input",
    "human_review": "it is called human_input",
    "guardrails": "it is called guardrail, one rule or a list of them",
    "guardrail_max_retries": "it is called max_retries",
    **{
        name: f"it is model_settings.{name} of an agent"
        for name in ("temperature", "top_p", "top_k", "seed", "stop", "reasoning_effort")
    },
    "llm_config": "it is called model_settings, of an agent",
    "fallbacks": "it is called fallback_models, a list of models",
    "max_tokens": "it is model_settings.max_tokens of an agent, for one reply, or "
    "configuration.budget.max_tokens of the crew, for a whole run",
    "max_rpm": "providers' own limits are waited for; there is no setting",
    "crew_id": "the path says which crew is meant",
    "url": "it is called endpoint",
    "args_schema": "it is called parameters, a JSON Schema",
    "token": "put it into credentials, as {token}",
}
"""Names that other platforms use, and what to use here."""


def unknown_field(body: Any, place: Sequence[Any]) -> str:
    """Return advice on the unknown field at `place` of a body of the type `body`."""
    name = str(place[-1])
    known = fields_at(body, place[:-1])
    advice = _ELSEWHERE.get(name)
    if advice is not None and name not in known and _fits(advice, known):
        return f"There is no field {name[:80]}: {advice}"
    close = difflib.get_close_matches(name[:80], known, 1, 0.6)
    meant = f"; did you mean {close[0]}?" if close else ""
    there = f" There are {', '.join(known)}" if known else ""
    return f"There is no field {name[:80]}{meant or '.'}{there}"


def fields_at(body: Any, place: Sequence[Any]) -> list[str]:
    """Return the names of the fields that an object at `place` of a body may have."""
    return sorted({field for model in _models_at(body, place) for field in model.model_fields})


def _fits(advice: str, known: Sequence[str]) -> bool:
    """Return whether advice applies here: the field that it names is one of `known`."""
    called = advice.removeprefix("it is called ")
    return called == advice or called.split(",")[0] in known


def _models_at(body: Any, place: Sequence[Any]) -> list[type[BaseModel]]:
    """Return the possible models at `place`, through lists and alternatives."""
    found = list(_models(body))
    for part in place:
        name = alternative_name(part)
        if name is not None:
            found = [one for one in found if _is_of_kind(one, name)] or found
        elif isinstance(part, str):
            fields = [model.model_fields[part] for model in found if part in model.model_fields]
            if fields:  # else it is the name of an alternative, not of a field
                found = [one for field in fields for one in _models(field.annotation)]
    return found


def _is_of_kind(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get("kind")
    return field is not None and name in get_args(field.annotation)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
