"""Fits a model's arguments to a tool's JSON Schema where only one meaning is possible."""

import json
import re
from collections.abc import Mapping
from typing import Any

from common.schemas.validation import complaint

_DEPTH = 20
_STEPS = 2_000
_INTEGER = re.compile(r"-?\d{1,18}")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?([eE][-+]?\d{1,2})?")


async def fit_arguments(
    schema: Mapping[str, Any], arguments: Mapping[str, Any] | None
) -> Mapping[str, Any] | str:
    """Return the arguments to call a tool with, or what is wrong with them.

    Values that do not fit are converted if only one meaning is possible: `null` for an optional
    property, `"5"` for a number, a single value for a list, JSON in a string. The model has to correct
    everything else.
    """
    if arguments is None:
        return "they are not a JSON object."
    said = await complaint(schema, arguments)
    if said is None:
        return arguments
    meant = _Lenient(schema).read(schema, arguments, 0)
    if isinstance(meant, Mapping) and meant != arguments and await complaint(schema, meant) is None:
        return meant
    return said


class _Lenient:
    """Converts a value to the only thing that the schema, followed to a limited depth, allows."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._steps = 0

    def read(self, schema: Any, value: Any, depth: int) -> Any:
        self._steps += 1
        schema = self._resolve(schema)
        if not isinstance(schema, Mapping) or depth > _DEPTH or self._steps > _STEPS:
            return value
        wanted = self._types(schema, 0) - {"null"}
        if len(wanted) == 1:
            value = _convert(wanted.pop(), value)
        if isinstance(value, Mapping):
            return self._object(schema, value, depth)
        if isinstance(value, list):
            if self._steps + len(value) > _STEPS:
                return value
            return [self.read(schema.get("items"), entry, depth + 1) for entry in value]
        return value

    def _object(self, schema: Mapping[str, Any], value: Mapping[str, Any], depth: int) -> Any:
        if self._steps + len(value) > _STEPS:
            return value
        known, required = _mapping(schema.get("properties")), schema.get("required", ())
        read: dict[str, Any] = {}
        for name, entry in value.items():
            if entry is None and name not in required and self._refuses_null(schema, name):
                continue
            read[name] = self.read(known.get(name), entry, depth + 1)
        return read

    def _refuses_null(self, schema: Mapping[str, Any], name: str) -> bool:
        known = _mapping(schema.get("properties"))
        if name not in known:
            return schema.get("additionalProperties") is False
        allowed = self._types(self._resolve(known[name]), 0)
        listed = _mapping(known[name]).get("enum", [None])
        return (bool(allowed) and "null" not in allowed) or None not in listed

    def _types(self, schema: Any, depth: int) -> set[str]:
        """Return the types a value may have, or an empty set if that is not clear."""
        self._steps += 1
        if self._steps > _STEPS:
            return set()
        schema = _mapping(self._resolve(schema))
        kind = schema.get("type")
        if isinstance(kind, str):
            return {kind}
        if isinstance(kind, list):
            return {one for one in kind if isinstance(one, str)}
        for choice in ("anyOf", "oneOf"):
            if isinstance(schema.get(choice), list) and depth < 3:
                found = [self._types(one, depth + 1) for one in schema[choice][:50]]
                return set().union(*found) if all(found) else set()
        return set()

    def _resolve(self, schema: Any) -> Any:
        for _ in range(5):
            pointer = _mapping(schema).get("$ref")
            if not isinstance(pointer, str) or not pointer.startswith("#/"):
                break
            schema = self._root
            for step in pointer[2:].split("/")[:20]:
                schema = _mapping(schema).get(step.replace("~1", "/").replace("~0", "~"))
        return schema


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _convert(wanted: str, value: Any) -> Any:
    """Return `value` converted to the type `wanted` if only one meaning is possible."""
    if isinstance(value, str) and wanted != "string":
        value = _from_text(wanted, value)
    if wanted == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    if wanted == "array" and value is not None and not isinstance(value, list):
        return [value]
    return value


def _from_text(wanted: str, text: str) -> Any:
    stripped = text.strip()
    if wanted == "integer" and _INTEGER.fullmatch(stripped):
        return int(stripped)
    if wanted == "number" and _NUMBER.fullmatch(stripped):
        return json.loads(stripped) if not re.match(r"-?0\d", stripped) else text
    if wanted == "boolean" and stripped.lower() in {"true", "false"}:
        return stripped.lower() == "true"
    if (wanted == "object" and stripped[:1] == "{") or (wanted == "array" and stripped[:1] == "["):
        try:
            return json.loads(stripped)
        except (ValueError, RecursionError):
            return text
    return text
