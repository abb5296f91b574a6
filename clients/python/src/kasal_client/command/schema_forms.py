"""What a question's JSON Schema asks for, as fields that a person fills in one after another.

A schema that is no flat list of simple fields is answered with JSON. The platform checks every answer itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_SIMPLE = ("string", "integer", "number", "boolean")
_HINTS = {"boolean": "yes or no", "json": "JSON", "integer": "an integer", "number": "a number"}
_YES = ("yes", "y", "true", "1")
_NO = ("no", "n", "false", "0")


@dataclass(frozen=True)
class FieldAsked:
    """A value that is asked for. One without a name is the whole answer."""

    name: str
    kind: str
    """`string`, `integer`, `number`, `boolean`, or `json` for everything else."""
    title: str = ""
    choices: tuple[Any, ...] = ()
    is_required: bool = True
    default: Any = None

    @property
    def label(self) -> str:
        """What a person is asked."""
        what = self.title or self.name or "Answer"
        hints = [", ".join(str(one) for one in self.choices)] if self.choices else []
        if not self.choices and self.kind != "string":
            hints.append(_HINTS[self.kind])
        if not self.is_required:
            hints.append("may be left empty")
        return f"{what} ({'; '.join(hints)})" if hints else what

    def value_of(self, text: str) -> Any:
        """Return the value that a text stands for. Raises ValueError with what is wrong."""
        if self.choices:
            return self._choice(text)
        if self.kind == "string":
            return text
        if self.kind == "boolean":
            return _truth(text)
        if self.kind == "json":
            return _from_json(text)
        try:
            return int(text) if self.kind == "integer" else _finite(float(text))
        except ValueError:
            raise ValueError(f"{text!r} is no {self.kind}.") from None

    def _choice(self, text: str) -> Any:
        for number, choice in enumerate(self.choices, start=1):
            if text.strip() == str(choice):
                return choice
            if text.strip() == str(number) and str(number) not in map(str, self.choices):
                return choice
        raise ValueError(f"{text!r} is none of {', '.join(str(one) for one in self.choices)}.")


def fields_of(schema: dict[str, Any]) -> list[FieldAsked]:
    """Return the fields that a schema asks for, one after another."""
    properties = schema.get("properties")
    if schema.get("type") == "object" and isinstance(properties, dict) and properties:
        required = schema.get("required") or []
        fields = [_field(name, one, name in required) for name, one in properties.items()]
        if all(field.kind != "json" for field in fields):
            return fields
    return [_field("", schema, is_required=True)]


def _field(name: str, schema: Any, is_required: bool) -> FieldAsked:
    schema = schema if isinstance(schema, dict) else {}
    choices = schema.get("enum")
    kind = schema.get("type")
    if isinstance(choices, list) and choices and all(isinstance(c, str | int) for c in choices):
        return _field_of(name, "string", schema, is_required, tuple(choices))
    return _field_of(name, kind if kind in _SIMPLE else "json", schema, is_required, ())


def _field_of(
    name: str, kind: str, schema: dict[str, Any], is_required: bool, choices: tuple[Any, ...]
) -> FieldAsked:
    title = str(schema.get("description") or schema.get("title") or "")
    return FieldAsked(name, kind, title, choices, is_required, schema.get("default"))


def _truth(text: str) -> bool:
    word = text.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(f"{text!r} is neither yes nor no.")


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as fault:
        raise ValueError(f"This is no JSON: {fault}") from None


def _finite(number: float) -> float:
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError
    return number
