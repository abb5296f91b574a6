"""Refuses query parameters that a FastAPI route does not declare."""

from collections.abc import Collection
from typing import Any

from fastapi import Depends, Request
from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from common.web.queries import check
from common.web.requests import PROBES

_KNOWN = "kasal_query"


async def _known_only(request: Request) -> None:
    if request.scope["query_string"] and request.scope["path"] not in PROBES:
        check(request.query_params.keys(), _known_parameters(request.scope.get("route")))


KnownQueryOnly = Depends(_known_only)
"""Dependency of a whole application: its routes refuse undeclared parameters."""


def _known_parameters(route: Any) -> Collection[str]:
    found: set[str] | None = getattr(route, _KNOWN, None)
    if found is None:
        found = _declared_parameters(getattr(route, "dependant", None))
        setattr(route, _KNOWN, found)
    return found


def _declared_parameters(dependant: Any) -> set[str]:
    """Return the names of all query parameters of a route and of its dependencies."""
    if dependant is None:
        return set()
    found = {name for field in dependant.query_params for name in _of(field)}
    return found.union(*(_declared_parameters(inner) for inner in dependant.dependencies))


def _of(field: Any) -> list[str]:
    kind = field.field_info.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [n for name, inner in kind.model_fields.items() for n in _names(name, inner)]
    return _names(field.alias, field.field_info)


def _names(name: str, field: FieldInfo) -> list[str]:
    aliases = field.validation_alias
    if isinstance(aliases, AliasChoices):
        return [str(choice) for choice in aliases.choices]
    return [field.alias or name]
