"""What the values of a CrewAI project's files mean; what they cannot mean is warned of."""

from typing import Any

from crews.domain.imported import Imported
from crews.domain.yaml_reading import Word, json_value

_TRUTH = {"yes": True, "on": True, "no": False, "off": False}
"""What YAML 1.1 takes for truth values besides."""


def names_in(told: Any) -> list[str]:
    """Return the names in a list, of which one alone may stand without it."""
    listed = told if isinstance(told, list) else [told]
    found = []
    for one in listed:
        name = one.get("name") if isinstance(one, dict) else one
        if isinstance(name, str) and json_value(name) is not None and name.strip():
            found.append(name.strip())
    return found


def number_of(told: Any, least: float = 0.5) -> Any:
    """Return the number, or None for what is none or below `least`."""
    value = json_value(told)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
        return None
    return value


def text_of(told: Any, at: str, made: Imported) -> str:
    """Return the text as it was written, if it is one."""
    if isinstance(told, Word):
        return "" if told.is_nothing else told.strip()
    value = json_value(told)
    if isinstance(value, dict | list):
        made.warn(at, "It is no text, and was left out")
        return ""
    return "" if value is None else str(value).strip()


def is_true(told: Any, at: str, made: Imported) -> bool:
    """Return whether it is told to be true; YAML 1.1's words count, too."""
    value = json_value(told)
    if isinstance(value, str):
        value = _TRUTH.get(value.lower(), value)
    if not isinstance(value, bool | None):
        made.warn(at, "It is neither true nor false, and was left out")
    return value is True


def names_of(told: Any, at: str, made: Imported) -> list[str]:
    """Return the names in a list, as `names_in` does."""
    for one in told if isinstance(told, list) else [told]:
        if json_value(one) not in (None, "") and not names_in([one]):
            made.warn(at, f"{str(json_value(one))[:100]} is no name, and was left out")
    return names_in(told)


def line_of(text: str) -> str:
    """Return the words of a text in one line."""
    return " ".join(text.split())
