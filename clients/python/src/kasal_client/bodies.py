"""What is sent: a model, a dict, or keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Model


def body_of(given: Model | Mapping[str, Any] | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request's body: what was set in `given`, and `fields` over it."""
    body: dict[str, Any] = {}
    if isinstance(given, Model):
        body = given.model_dump(mode="json", by_alias=True, exclude_unset=True)
    elif given is not None:
        body = dict(given)
    return {**body, **fields}


def without_none(**fields: Any) -> dict[str, Any]:
    """Return the fields that have a value."""
    return {key: value for key, value in fields.items() if value is not None}
