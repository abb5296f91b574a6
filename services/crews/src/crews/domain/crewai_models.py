"""The models that a CrewAI project names, with their settings."""

from collections.abc import Mapping
from typing import Any

from common.contracts.models import canonical, model_fault
from crews.domain.crewai_fields import DEFAULT_MODEL, NO_SETTING, SETTINGS
from crews.domain.crewai_values import line_of, text_of
from crews.domain.imported import Imported
from crews.domain.yaml_reading import json_value

_LONGEST = 200


def model_in(told: Any, at: str, made: Imported) -> tuple[str, dict[str, Any]]:
    """Return the model that an `llm` names, or nothing, and the settings that agents have here."""
    settings: dict[str, Any] = {}
    if isinstance(told, dict):
        settings = {str(key): json_value(value) for key, value in told.items()}
        provider, name = settings.pop("provider", None), settings.pop("model", None)
        told = f"{provider}/{name}" if provider and name and "/" not in str(name) else name
    name = canonical(line_of(text_of(told, at, made)))
    if name and (len(name) > _LONGEST or model_fault(name) is not None):
        reason = f"No model here is called {name[:100]} (a name of Python code?): {DEFAULT_MODEL} is used instead"
        made.warn(at, reason)
        name = DEFAULT_MODEL
    return name, _settings(settings, at, made)


def _settings(told: Mapping[str, Any], at: str, made: Imported) -> dict[str, Any]:
    found = {}
    for key, value in told.items():
        if value is None:
            continue
        if key in SETTINGS:
            found[SETTINGS[key]] = value
        else:
            made.warn(f"{at}.{key}", NO_SETTING.get(key, "Agents have no such setting here"))
    return found
