"""Limits the faults of a body: naming each takes time, and a megabyte has room for a million."""

from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

_SPARE = 20
"""Unknown fields that are reported one by one."""
_ENTRIES = 250
"""Entries of a list that are checked: more than any list of a body may have."""


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
        if isinstance(held, list) and len(held) > _ENTRIES and name in model.model_fields:
            raise PydanticCustomError(
                "too_many_entries",
                "{name} has {count} entries; no list may have more than {most}",
                {"name": name, "count": len(held), "most": _ENTRIES},
            )
