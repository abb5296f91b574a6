"""Base classes and types of request and answer bodies."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Self, TypeVar

from fastapi import Query
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from common.contracts.bodies import check_bounded, check_numbers
from common.contracts.values import check_storable
from common.errors import ALL_ERRORS
from common.storage.cursors import LONGEST, ListPart, Scope, Spot, part_of
from common.times import rfc3339

T = TypeVar("T")

Timestamp = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
"""A UTC time, served as RFC 3339 with `Z`."""


def text(max_length: int, min_length: int = 1) -> Any:
    """Return the type of a text without surrounding space, `min_length` to `max_length` long."""
    return Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=min_length, max_length=max_length),
    ]


class RequestModel(BaseModel):
    """A request body. Unknown fields are refused, so that typos are noticed.

    So are values that JSON allows and the stores do not (`contracts.values`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        check_bounded(cls, value)
        check_numbers(cls, value)
        if isinstance(value, dict):
            check_storable(value)
        return value


class AnswerModel(BaseModel):
    """An answer body."""

    model_config = ConfigDict(frozen=True)


class PageQuery(BaseModel):
    """Which part of a list is wanted. Use as `page: Annotated[Page, Query()]`."""

    model_config = ConfigDict(frozen=True)

    page: Annotated[int, Query(ge=1, le=1_000_000, description="Page, counted from 1")] = 1
    page_size: Annotated[int, Query(ge=1, le=100, description="Entries on a page")] = 20
    limit: Annotated[
        int | None, Query(ge=1, le=100, description="The same as `page_size`, as traces call it")
    ] = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.limit is not None:
            if "page_size" in self.model_fields_set and self.page_size != self.limit:
                raise PydanticCustomError("sizes", "limit and page_size differ: send one of them")
            object.__setattr__(self, "page_size", self.limit)
        return self

    @property
    def skip(self) -> int:
        return (self.page - 1) * self.page_size


class CursorPageQuery(PageQuery):
    """The same for a list with cursors: `after` costs the same anywhere in the list."""

    after: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=LONGEST,
            description="The `next` of an answer, for the page that follows it",
        ),
    ] = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.after is not None and self.page > 1:
            raise PydanticCustomError(
                "two_places", "after and page both say where to begin: send one of them"
            )
        return self

    def part(
        self,
        entries: Iterable[T],
        spot: Callable[[T], Spot],
        scope: Scope,
        *,
        descending: bool = True,
    ) -> ListPart[T]:
        """Return the selected part of a bounded list; see `cursors.part_of`."""
        return part_of(
            entries,
            spot,
            scope,
            skip=self.skip,
            limit=self.page_size,
            after=self.after,
            descending=descending,
        )


NextPage = Annotated[
    str | None, Field(description="What to send as `after` for the next page; null on the last one")
]


class ErrorBody(BaseModel):
    code: str
    message: str
    details: dict[str, Any]
    request_id: str


class ErrorEnvelope(BaseModel):
    """How every failure is answered."""

    error: ErrorBody


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that can also fail with these statuses."""
    return {
        kind.status: {"model": ErrorEnvelope, "description": kind.title}
        for kind in ALL_ERRORS
        if kind.status in statuses
    }
