"""What no body may hold, whatever its fields are.

Faults without number: naming each takes time, and a megabyte has room for a million. And `true` where a number is
wanted, which pydantic takes for 1.
"""

from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, model_validator
from pydantic_core import PydanticCustomError

_SPARE = 20
"""Unknown fields that are reported one by one."""
_ENTRIES = 250
"""Entries of a list that are checked: more than any list of a body may have, unless it is any JSON."""
TOO_MANY_ENTRIES = "too_many_entries"
NO_NUMBER = "no_number"
OF_A_FIELD = frozenset({TOO_MANY_ENTRIES, NO_NUMBER})
"""Types of faults of a field, whose name is `name` in the fault's context."""


def check_bounded(model: type[BaseModel], value: Any) -> None:
    """Raise if a body has so many faults that naming them all takes seconds."""
    if not isinstance(value, dict):
        return
    if len(value) > len(model.model_fields) + _SPARE:
        raise PydanticCustomError(
            "too_many_fields",
            "There are {count} fields; at most {most} are known here",
            {"count": len(value), "most": len(model.model_fields)},
        )
    for name, held in value.items():
        if isinstance(held, list) and len(held) > _ENTRIES and name in _checked_fields(model):
            raise PydanticCustomError(
                TOO_MANY_ENTRIES,
                "{name} has {count} entries; no list may have more than {most}",
                {"name": name, "count": len(held), "most": _ENTRIES},
            )


class ExactNumbers(BaseModel):
    """A part of a body, or a message, whose numbers are numbers."""

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        check_numbers(cls, value)
        return value


def check_numbers(model: type[BaseModel], value: Any) -> None:
    """Raise if a truth value stands where a number is wanted."""
    if not isinstance(value, dict):
        return
    for name in _numeric_fields(model):
        if isinstance(value.get(name), bool):
            raise PydanticCustomError(
                NO_NUMBER, "Input should be a number, not true or false", {"name": name}
            )


@cache
def _numeric_fields(model: type[BaseModel]) -> tuple[str, ...]:
    fields = {
        name: set(_plain_types(field.annotation)) for name, field in model.model_fields.items()
    }
    return tuple(
        name for name, types in fields.items() if types & {int, float} and not types & {bool, Any}
    )


def _plain_types(annotation: Any) -> Iterator[Any]:
    """Yield the types that a value may have; not those inside a list or an object."""
    if get_origin(annotation) is Annotated:
        yield from _plain_types(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType}:
        for one in get_args(annotation):
            yield from _plain_types(one)
    else:
        yield annotation


@cache
def _checked_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the fields whose entries are checked: not those that take any JSON, where nothing can be wrong."""
    fields = model.model_fields.items()
    return frozenset(name for name, field in fields if not _takes_anything(field.annotation))


def _takes_anything(annotation: Any) -> bool:
    return any(one is Any for one in _plain_types(annotation))
