"""Checking JSON against JSON Schema, without ever fetching a schema from somewhere."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson


def complaint(schema: Mapping[str, Any], value: Any) -> str | None:
    """Return what about `value` does not fit `schema`, in one line, or None when it fits.

    A schema that is itself wrong, or refers to one elsewhere, is a complaint too.
    """
    from jsonschema.exceptions import best_match

    try:
        fault = best_match(_validator(orjson.dumps(schema)).iter_errors(value))
    except RecursionError:
        return "it is nested too deeply."
    except Exception as broken:  # noqa: BLE001 - whatever a foreign schema does to the validator
        return f"its JSON Schema cannot be used: {_line(broken)}"
    if fault is None:
        return None
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault.path)
    return f"{place.lstrip('.') or 'it'}: {_line(fault.message)}"


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    decoded = orjson.loads(schema)
    Draft202012Validator.check_schema(decoded)
    return Draft202012Validator(decoded, registry=Registry())


def _line(text: object) -> str:
    flat = " ".join(str(text).split())
    return flat if len(flat) <= 300 else f"{flat[:299]}…"
