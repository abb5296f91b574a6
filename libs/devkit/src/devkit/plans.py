"""Checks that every query a test's code sends to MongoDB is bounded, however large its collection.

`explain` is not available everywhere, so the rules of MongoDB's planner are applied to each command as it
is sent, with the indexes of docs/reference/indexes.json. A query is bounded if it names ids, or has a limit
and an index that returns the results in the requested order: then no more entries are examined than
returned. Queries that are bounded by something else are listed in `devkit.bounded`.
"""

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from pymongo import monitoring

_INDEXES = Path(__file__).parents[4] / "docs/reference/indexes.json"
_QUERIES = {
    "find": "filter",
    "count": "query",
    "distinct": "query",
    "findAndModify": "query",
}
_OURS = re.compile(r"/services/\w+/src/|/libs/common/src/common/idempotency/")
_WIDEST = 5_000
"""Numbers in the widest range that counts as bounded."""


@dataclass(frozen=True)
class Index:
    """An index with its fields in order. `always` is its partial filter."""

    name: str
    fields: Sequence[str]
    unique: bool = False
    always: Mapping[str, Any] = field(default_factory=dict)


_PRIMARY = Index("_id_", ["_id"], unique=True)


@dataclass(frozen=True)
class SentQuery:
    """One query, or the filter of a write."""

    command: str
    collection: str
    by: Mapping[str, Any]
    sort: Sequence[str] = ()
    limit: int = 0

    @property
    def shape(self) -> str:
        """The command, the collection, the fields of the filter, and whether it has a limit."""
        fields = ", ".join(sorted(self.by))
        return f"{self.command} {self.collection}({fields})" + (" limit" if self.limit else "")


@cache
def recorded_indexes() -> Mapping[str, Mapping[str, Sequence[Index]]]:
    """Return the indexes of each service's collections."""
    told = json.loads(_INDEXES.read_text())
    found: dict[str, dict[str, list[Index]]] = {}
    for service, schema in told.items():
        for place, options in schema["indexes"].items():
            fields = [part.rsplit(" ", 1)[0] for part in options["key"].split(", ")]
            always = options.get("partialFilterExpression", {})
            collection, name = _parts(place)
            index = Index(name, fields, options.get("unique", False), always)
            found.setdefault(service, {}).setdefault(collection, []).append(index)
    return found


def _parts(place: str) -> tuple[str, str]:
    """Return the collection and the name of an index; either may contain a dot."""
    collection, _, name = place.partition(".")
    if collection == "blobs":  # GridFS has two: `blobs.files` and `blobs.chunks`
        inner, _, name = name.partition(".")
        return f"{collection}.{inner}", name
    return collection, name


def queries(name: str, command: Mapping[str, Any]) -> Iterator[SentQuery]:
    """Yield the queries of a command."""
    collection = command.get(name)
    if not isinstance(collection, str):
        return
    if name in {"update", "delete"}:
        for one in command[f"{name}s"]:
            only = name == "update" and not one.get("multi")
            yield SentQuery(name, collection, one["q"], limit=int(only or one.get("limit", 0) == 1))
    elif name == "aggregate":
        stages = command["pipeline"]
        by = stages[0].get("$match", {}) if stages else {}
        limit = next((stage["$limit"] for stage in stages if "$limit" in stage), 0)
        yield SentQuery(name, collection, by, limit=limit)
    elif name in _QUERIES:
        by = command.get(_QUERIES[name], {})
        sort = list(command.get("sort", {}))
        limit = command.get("limit", 1 if name == "findAndModify" else 0)
        yield SentQuery(name, collection, by, sort, limit)


def bounding(query: SentQuery, indexes: Sequence[Index]) -> list[str]:
    """Return the indexes with which the query examines no more than it returns, however large the collection."""
    return [index.name for index in (_PRIMARY, *indexes) if _bounds(index, query)]


def helping(query: SentQuery, indexes: Sequence[Index]) -> list[str]:
    """Return the indexes that the query can use at all: their first field is in its filter."""
    return [
        index.name
        for index in (_PRIMARY, *indexes)
        if index.fields[0] in query.by and _implied(index, query.by)
    ]


def _bounds(index: Index, query: SentQuery) -> bool:
    equal = {name for name, value in query.by.items() if _points(value)}
    if index.unique and set(index.fields) <= equal:
        return True
    if query.by.keys() - {*index.fields, *index.always} or not _implied(index, query.by):
        return False
    prefix = next(
        (n for n, name in enumerate(index.fields) if name not in equal), len(index.fields)
    )
    rest = [name for name in query.sort if name not in equal]
    if prefix and query.limit and list(index.fields[prefix : prefix + len(rest)]) == rest:
        return True
    return any(_narrow(query.by.get(name)) for name in index.fields[1 : prefix + 1])


def _points(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return True
    return "$eq" in value or "$in" in value


def _narrow(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    listed = value.get("$in", ())
    if listed and all(isinstance(one, int) for one in listed):
        return len(listed) <= _WIDEST
    low = value.get("$gt", value.get("$gte"))
    high = value.get("$lt", value.get("$lte"))
    return isinstance(low, int) and isinstance(high, int) and high - low <= _WIDEST


def _implied(index: Index, by: Mapping[str, Any]) -> bool:
    return all(by.get(name) == value for name, value in index.always.items())


def asked_by_us() -> bool:
    """Say whether a service sends the query: not the test itself, nor a migration, which reads all."""
    frame: FrameType | None = inspect.currentframe()
    ours = False
    while frame is not None:
        name = frame.f_code.co_filename
        if name.endswith(("/common/storage/migrations.py", "/store/migrations.py")):
            return False
        ours = ours or bool(_OURS.search(name))
        frame = frame.f_back
    return ours


class Plans(monitoring.CommandListener):
    """Listens to all clients of a test run and records the shapes of unbounded queries."""

    def __init__(self) -> None:
        self.unbounded: dict[str, SentQuery] = {}
        self.seen: set[str] = set()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        service = event.database_name.rsplit("_", 1)[-1]
        indexes = recorded_indexes().get(service)
        if indexes is None:
            return
        for query in queries(event.command_name, event.command):
            place = f"{service}: {query.shape}"
            self.seen.add(place)
            if not bounding(query, indexes.get(query.collection, ())) and asked_by_us():
                self.unbounded[place] = query

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...
