"""Whether something is a JSON Schema (draft 2020-12) that can be kept and used."""

import json
from typing import Any

_LONGEST = 50_000


def schema_fault(schema: dict[str, Any]) -> str | None:
    """Return what is wrong with `schema` as a JSON Schema, or None. References are not followed."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        if len(json.dumps(schema, allow_nan=False, ensure_ascii=False).encode()) > _LONGEST:
            return f"The schema is longer than {_LONGEST} bytes"
        Draft202012Validator.check_schema(schema)
    except SchemaError as fault:
        place = ".".join(str(step) for step in fault.path)
        where = f" at {place}" if place else ""
        return f"Not a valid JSON Schema{where}: {_line(fault.message)}"
    except RecursionError:
        return "The schema is nested too deeply"
    except ValueError as fault:  # NaN, or text that is not Unicode
        return f"The schema is not JSON: {_line(fault)}"
    return None


def _line(text: object) -> str:
    return " ".join(str(text).split())[:300]
