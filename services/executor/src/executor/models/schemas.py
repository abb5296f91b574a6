"""Builds a minimal value for a JSON Schema, as far as the schema alone shows what fits."""

import math
from collections.abc import Mapping
from typing import Any

from common.schemas.validation import TooMuchWork, quick_complaint

_DEPTH = 12
_STEPS = 1_000
_CHOICES = 6
_ITEMS = 100
_LONGEST = 10_000
_FALLBACK = "offline"


def minimal_instance(schema: Any, hint: str) -> Any:
    """Return a small value for `schema`; its strings are made from `hint`.

    It honours local `$ref`, `enum`, `const`, `default`, bounds, and `anyOf`/`oneOf`, of which it
    tries a few branches until the value fits. It ignores patterns and conditions: validate the value
    before use. Time and size are bounded, whatever the schema asks for.
    """
    maker = _Maker(schema, hint, 0)
    first = _make(maker, schema)
    if not maker.chose or _fits(schema, first):
        return first
    others = (_make(_Maker(schema, hint, choice), schema) for choice in range(1, _CHOICES))
    return next((other for other in others if _fits(schema, other)), first)


def _make(maker: "_Maker", schema: Any) -> Any:
    try:
        return maker.make(schema, 0)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        return None  # the schema contradicts itself, or has unusable numbers


def _fits(schema: Any, value: Any) -> bool:
    try:
        return not isinstance(schema, Mapping) or quick_complaint(schema, value) is None
    except TooMuchWork:
        return True  # whoever uses the value validates it


class _Maker:
    def __init__(self, root: Any, hint: str, choice: int) -> None:
        self._root = root
        self._hint = (hint or _FALLBACK)[:_LONGEST]
        self._choice = choice
        self._steps = 0
        self._said = 0
        self.chose = False
        """Whether another choice may give another value."""

    def make(self, schema: Any, depth: int) -> Any:
        self._steps += 1 + (len(schema) // 8 if isinstance(schema, Mapping) else 0)
        if not isinstance(schema, Mapping) or depth > _DEPTH or self._steps > _STEPS:
            return None
        given = self._set_value(schema)
        if given is not None:
            return given[0]
        inner = self._chosen_schema(schema)
        if inner is not None:
            return self.make(inner, depth + 1)
        return self._of_type(_type(schema), schema, depth)

    def _set_value(self, schema: Mapping[str, Any]) -> tuple[Any] | None:
        if "const" in schema:
            return (schema["const"],)
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            self.chose = True
            return (schema["enum"][self._choice % len(schema["enum"])],)
        return (schema["default"],) if "default" in schema else None

    def _chosen_schema(self, schema: Mapping[str, Any]) -> Any:
        if isinstance(schema.get("$ref"), str):
            return self._resolve(schema["$ref"])
        for name in ("anyOf", "oneOf"):
            if isinstance(schema.get(name), list) and schema[name]:
                self.chose = True
                chosen = schema[name][self._choice % len(schema[name])]
                rest = {k: v for k, v in schema.items() if k != name}
                return {**rest, **chosen} if isinstance(chosen, Mapping) else rest
        if isinstance(schema.get("allOf"), list) and schema["allOf"]:
            self._steps += len(schema["allOf"])
            return _merge_all_of(schema)
        return None

    def _resolve(self, pointer: str) -> Any:
        found = self._root
        for step in pointer.removeprefix("#").strip("/").split("/") if pointer != "#" else ():
            found = found.get(step, {}) if isinstance(found, Mapping) else {}
        return found

    def _of_type(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "string":
            return self._text(schema)
        if kind in {"integer", "number"}:
            return _number(schema, whole=kind == "integer")
        return False if kind == "boolean" else None

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        given = schema.get("prefixItems")
        first = given[:_ITEMS] if isinstance(given, list) else []
        made = [self.make(one, depth + 1) for one in first]
        if "contains" in schema:
            made.append(self.make(schema["contains"], depth + 1))
        length = min(int(schema.get("minItems", 0)), _ITEMS)
        while len(made) < length and self._steps <= _STEPS:
            made.append(self.make(schema.get("items", {}), depth + 1))
        return made

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        known = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        names = required if isinstance(required, list) else []
        self._steps += len(names)
        return {
            str(name): self.make(known.get(name, {"type": "string"}), depth + 1)
            for name in names[:_STEPS]
        }

    def _text(self, schema: Mapping[str, Any]) -> str:
        hint = self._hint if self._said < _LONGEST else _FALLBACK
        text = _FORMATS.get(str(schema.get("format")), hint)
        text = text.ljust(
            min(int(schema.get("minLength", 0)), max(10, _LONGEST * 2 - self._said)), "."
        )
        self._said += len(text)
        return text[: int(schema["maxLength"])] if "maxLength" in schema else text


_FORMATS = {
    "date": "2024-01-01",
    "date-time": "2024-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "offline@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-0000-0000-000000000000",
}


def _merge_all_of(schema: Mapping[str, Any]) -> dict[str, Any]:
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
    if "exclusiveMaximum" in schema:
        least = min(least, schema["exclusiveMaximum"] - 1)
    step = schema.get("multipleOf")
    if step:
        multiple = -(-least // step) * step
        least = multiple if math.isfinite(multiple) else least
    return int(least) if whole else least
