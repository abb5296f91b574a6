"""A smallest value that fits a JSON Schema, so far as that can be seen from the schema alone."""

from collections.abc import Mapping
from typing import Any

_DEPTH = 12
_STEPS = 2_000


def minimal_instance(schema: Any, hint: str) -> Any:
    """Return a small value for `schema`; texts are made of `hint`.

    It follows local `$ref`, `enum`, `const`, `default`, bounds, and the first of `anyOf`/`oneOf`.
    Patterns and conditions are beyond it: whoever uses the value validates it.
    """
    return _Maker(schema, hint).make(schema, 0)


class _Maker:
    def __init__(self, root: Any, hint: str) -> None:
        self._root = root
        self._hint = hint or "offline"
        self._steps = 0

    def make(self, schema: Any, depth: int) -> Any:
        self._steps += 1
        if not isinstance(schema, Mapping) or depth > _DEPTH or self._steps > _STEPS:
            return None
        given = self._given(schema)
        if given is not None:
            return given[0]
        inner = self._inner(schema)
        if inner is not None:
            return self.make(inner, depth + 1)
        return self._of_type(_type(schema), schema, depth)

    def _given(self, schema: Mapping[str, Any]) -> tuple[Any] | None:
        if "const" in schema:
            return (schema["const"],)
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return (schema["enum"][0],)
        return (schema["default"],) if "default" in schema else None

    def _inner(self, schema: Mapping[str, Any]) -> Any:
        if isinstance(schema.get("$ref"), str):
            return self._at(schema["$ref"])
        for name in ("anyOf", "oneOf"):
            if isinstance(schema.get(name), list) and schema[name]:
                return {**{k: v for k, v in schema.items() if k != name}, **schema[name][0]}
        if isinstance(schema.get("allOf"), list) and schema["allOf"]:
            return _merged(schema)
        return None

    def _at(self, pointer: str) -> Any:
        found = self._root
        for step in pointer.removeprefix("#").strip("/").split("/") if pointer != "#" else ():
            found = found.get(step, {}) if isinstance(found, Mapping) else {}
        return found

    def _of_type(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            length = min(int(schema.get("minItems", 0)), 100)
            return [self.make(schema.get("items", {}), depth + 1) for _ in range(length)]
        if kind == "string":
            return self._text(schema)
        if kind in {"integer", "number"}:
            return _number(schema, whole=kind == "integer")
        return False if kind == "boolean" else None

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        known = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        names = required if isinstance(required, list) else []
        return {
            str(name): self.make(known.get(name, {"type": "string"}), depth + 1) for name in names
        }

    def _text(self, schema: Mapping[str, Any]) -> str:
        text = _FORMATS.get(str(schema.get("format")), self._hint)
        text = text.ljust(min(int(schema.get("minLength", 0)), 10_000), ".")
        return text[: int(schema["maxLength"])] if "maxLength" in schema else text


_FORMATS = {
    "date": "2024-01-01",
    "date-time": "2024-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "offline@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-0000-0000-000000000000",
}


def _merged(schema: Mapping[str, Any]) -> dict[str, Any]:
    merged = {name: value for name, value in schema.items() if name != "allOf"}
    for part in schema["allOf"]:
        if isinstance(part, Mapping):
            required = [*merged.get("required", []), *part.get("required", [])]
            properties = {**merged.get("properties", {}), **part.get("properties", {})}
            merged = {**merged, **part, "required": required, "properties": properties}
    return merged


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _number(schema: Mapping[str, Any], *, whole: bool) -> int | float:
    least = schema.get("minimum", 0)
    if "exclusiveMinimum" in schema:
        least = max(least, schema["exclusiveMinimum"] + 1)
    if "maximum" in schema:
        least = min(least, schema["maximum"])
    step = schema.get("multipleOf")
    if step:
        least = -(-least // step) * step
    return int(least) if whole else least
