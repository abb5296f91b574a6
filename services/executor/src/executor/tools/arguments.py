"""What is wrong with a JSON value that should fit a JSON Schema, in one line."""

from collections.abc import Mapping
from typing import Any

from executor.tools import schema as bounded


def complaint(schema: Mapping[str, Any], value: Any) -> str | None:
    """Return what about `value` does not fit `schema`, or None when it fits.

    A schema that is itself wrong, refers to one elsewhere, or asks for too much work is a complaint
    too.
    """
    from jsonschema.exceptions import best_match

    try:
        fault = best_match(bounded.errors(schema, value))
    except RecursionError:
        return "it is nested too deeply."
    except Exception as broken:  # noqa: BLE001 - whatever a foreign schema does to the validator
        return f"its JSON Schema cannot be used: {_line(broken)}"
    if fault is None:
        return None
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault.path)
    return f"{place.lstrip('.') or 'it'}: {_line(fault.message)}"


def _line(text: object) -> str:
    flat = " ".join(str(text).split())
    return flat if len(flat) <= 300 else f"{flat[:299]}…"
