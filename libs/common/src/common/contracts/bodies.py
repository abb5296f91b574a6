"""Limits the faults of a body: naming each takes time, and a megabyte has room for a million."""

from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

_SPARE = 20
"""Unknown fields that are reported one by one."""
_ENTRIES = 250
"""Entries of a list that are checked: more than any list of a body may have, unless it is any JSON."""
TOO_MANY_ENTRIES = "too_many_entries"
"""The type of the fault of a field, whose name is `name` in the fault's context."""


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


@cache
def _checked_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the fields whose entries are checked: not those that take any JSON, where nothing can be wrong."""
    fields = model.model_fields.items()
    return frozenset(name for name, field in fields if not _takes_anything(field.annotation))


def _takes_anything(annotation: Any) -> bool:
    alternatives = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _takes_anything(alternatives[0])
    if get_origin(annotation) in {Union, UnionType}:
        return any(_takes_anything(one) for one in alternatives)
    return annotation is Any
