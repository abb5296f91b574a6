"""What a CrewAI project says of its crew as a whole: who manages it, and how long agents may go on."""

from collections.abc import Collection, Mapping
from typing import Any

from common.contracts.crew import Configuration
from crews.domain.crewai_fields import CREW_DEFAULTS, NO_COUNTERPART, OF_CREWS
from crews.domain.crewai_models import model_in
from crews.domain.crewai_values import is_true, line_of, text_of
from crews.domain.imported import Imported
from crews.domain.yaml_reading import json_value

_USUAL = Configuration().max_iterations
_MOST_ITERATIONS = 200
_FIELDS = frozenset({"name", "description", "process", "manager_llm", "verbose"})


def is_managed(read: Mapping[str, Any]) -> bool:
    """Return whether a manager hands out the tasks of the crew."""
    told = read.get("process")
    return isinstance(told, str) and told.strip().lower().removeprefix("process.") == "hierarchical"


def set_crew(read: Mapping[str, Any], at: str, known: Collection[str], made: Imported) -> None:
    """Set what `read` says of the crew. `known` are fields that others read; paths begin with `at`."""
    for key in ("name", "description"):
        text = line_of(text_of(read.get(key), f"{at}{key}", made))
        if text:
            made.fields[key] = text
    _set_process(read, at, made)
    configuration = made.fields.setdefault("configuration", {})
    model, settings = model_in(read.get("manager_llm"), f"{at}manager_llm", made)
    if model:
        configuration["manager_model"] = model
    if settings:
        configuration["manager_model_settings"] = settings
    if is_true(read.get("verbose"), f"{at}verbose", made):
        configuration["verbose"] = True
    for key, told in read.items():
        value = json_value(told)
        usual = value is None or (key in CREW_DEFAULTS and value == CREW_DEFAULTS[key])
        if key not in _FIELDS and key not in known and not usual:
            reason = OF_CREWS.get(key) or NO_COUNTERPART.get(key, "There is no such field here")
            made.warn(f"{at}{key}", reason)


def _set_process(read: Mapping[str, Any], at: str, made: Imported) -> None:
    told = line_of(text_of(read.get("process"), f"{at}process", made))
    if is_managed(read):
        made.fields["process"] = "hierarchical"
    elif told and told.lower().removeprefix("process.") != "sequential":
        reason = f"There is no process {told[:100]}: it is sequential or hierarchical, and became sequential"
        made.warn(f"{at}process", reason)


def set_iterations(made: Imported) -> None:
    """Set how often each agent may ask its model: one number for the whole crew, the highest."""
    numbers = made.iterations
    if not numbers:
        return
    others = [_USUAL] if len(numbers) < len(made.fields["agents"]) else []
    most = max(1, int(min(max([*numbers.values(), *others]), _MOST_ITERATIONS)))
    made.fields.setdefault("configuration", {})["max_iterations"] = most
    if set(numbers.values()) == {most} and not others:
        return
    for name, number in numbers.items():
        reason = f"It is {number} there; here {most} holds for the whole crew (configuration.max_iterations)"
        made.warn(f"agents.{name}.max_iter", reason)
