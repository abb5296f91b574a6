"""Answers queries on a connection, in slices: `yield` hands the thread to the next reader."""

import heapq
import sqlite3
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import bson

from kasal_platform.embedded.sqlite import scanning
from kasal_platform.embedded.sqlite.catalog import Table
from kasal_platform.embedded.sqlite.errors import SORT_TOO_LARGE
from kasal_platform.embedded.sqlite.failures import refusal
from kasal_platform.embedded.sqlite.keys import order_key, values_at
from kasal_platform.embedded.sqlite.matching import Query, compile_query
from kasal_platform.embedded.sqlite.planning import (
    Order,
    ReadPlan,
    Skips,
    null_plan,
    plan_of,
    skips_of,
)
from kasal_platform.embedded.sqlite.projecting import compile_projection
from kasal_platform.embedded.sqlite.scanning import Examined, Scanner
from kasal_platform.embedded.sqlite.session import DECODED, Stored
from kasal_platform.embedded.sqlite.values import END, MISSING, MISSING_KEY, Document, sort_key

_MOST_SORTED = 100 * 1024 * 1024
"""Bytes that a sort without an index may hold, as in MongoDB."""
_SCALARS = frozenset({str, int, bytes, bson.ObjectId, bson.Int64})


Slices = Generator[None, None, Any]
"""Work in slices: what it returns is the answer."""


@dataclass(frozen=True, slots=True)
class View:
    """What a reader sees: a connection, and the collections as the last commit left them."""

    connection: sqlite3.Connection
    tables: Mapping[str, Table]


@dataclass(frozen=True, slots=True)
class Find:
    """A query as it is sent. `limit` 0 is none."""

    collection: str
    query: Document
    fields: Document | None = None
    sort: Order = ()
    skip: int = 0
    limit: int = 0


def point_of(query: Mapping[str, Any]) -> bytes | None:
    """Return the key of the only `_id` that a query asks for, None if it asks for others."""
    if "_id" not in query:
        return None
    value = query["_id"]
    if type(value) is dict and value.keys() == {"$eq"}:
        value = value["$eq"]
    return sort_key(value) if type(value) in _SCALARS else None


def matching(
    connection: sqlite3.Connection,
    query: Query,
    plan: ReadPlan,
    wanted: int | None = None,
    examined: Examined | None = None,
) -> Iterator[list[Stored]]:
    """Yield the documents that match, slice by slice, in the order of the plan."""
    scanner = Scanner(connection, plan, wanted)
    scanner.examined = examined or scanner.examined
    by_id = plan.index is None
    for rows in scanner.slices():
        found = []
        for entry, row, raw in rows:
            document = bson.decode(raw, DECODED)
            if plan.is_exact or query.matches(document):
                key = entry if by_id else sort_key(document["_id"])
                found.append(Stored(row, key, raw, document))
        yield found


def found_in_order(
    view: View, find: Find, examined: Examined | None = None
) -> Iterator[list[Stored]]:
    """Yield the documents of a query in its order, without those it skips and those beyond its limit."""
    table = view.tables.get(find.collection)
    query = compile_query(find.query)
    if table is None:
        return
    plan = plan_of(table, query, find.sort)
    most = find.skip + find.limit if find.limit else None
    slices = matching(view.connection, query, plan, most, examined)
    if find.sort and not plan.is_ordered:
        slices = _sort(slices, find.sort, most)
    left, skip = find.limit or None, find.skip
    for found in slices:
        shown = found[skip:]
        skip -= len(found) - len(shown)
        if left is not None:
            shown = shown[:left]
            left -= len(shown)
        yield shown
        if left == 0:
            return


def _sort(slices: Iterator[list[Stored]], order: Order, most: int | None) -> Iterator[list[Stored]]:
    """Sort all, or find the first `most`: no more than twice as many are held."""
    held: list[tuple[bytes, int, Stored]] = []
    number = size = 0
    for found in slices:
        for stored in found:
            held.append((order_key(stored.document, order), number, stored))
            number += 1
            size += len(stored.raw)
        if most is not None and len(held) > 2 * most:
            held = heapq.nsmallest(most, held)
            size = sum(len(stored.raw) for _, _, stored in held)
        if size > _MOST_SORTED:
            raise refusal(
                SORT_TOO_LARGE,
                f"Sort exceeded memory limit of {_MOST_SORTED} bytes: an index must give its order.",
            )
        yield []
    held.sort()
    yield [stored for _, _, stored in held[:most]]


class CursorBatches:
    """The documents of a query, batch by batch: for a cursor, which reads on when its caller wants more."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._slices: Iterator[list[Stored]] | None = None

    def next(self, view: View, most: int, most_bytes: int) -> Slices:
        """Read the next batch: at least so many documents or bytes, and whether it was the last."""
        if self._slices is None:
            self._slices = found_in_order(view, self._find)
        project = compile_projection(self._find.fields)
        batch: list[Document] = []
        size = 0
        for found in self._slices:
            batch += [project.apply(stored.document, self._find.query) for stored in found]
            size += sum(len(stored.raw) for stored in found)
            if len(batch) >= most or size >= most_bytes:
                return batch, False
            yield
        return batch, True


def find_one(view: View, find: Find) -> Any:
    """Return the first document of a query, or None; or what reads on for it."""
    key = point_of(find.query)
    if key is not None and len(find.query) == 1:
        table = view.tables.get(find.collection)
        if table is None:
            return None
        row = view.connection.execute(
            f"SELECT doc FROM {table.table} WHERE key = ?", (key,)
        ).fetchone()
        if row is None:
            return None
        document = bson.decode(row[0], DECODED)
        return compile_projection(find.fields).apply(document, find.query)
    return _first(view, find)


def _first(view: View, find: Find) -> Slices:
    for found in found_in_order(view, find):
        if found:
            return compile_projection(find.fields).apply(found[0].document, find.query)
        yield
    return None


def count(view: View, find: Find) -> Slices:
    """Count the documents of a query, up to its limit."""
    table = view.tables.get(find.collection)
    query = compile_query(find.query)
    if table is None:
        return 0
    plan = plan_of(table, query)
    most = find.skip + find.limit if find.limit else None
    many = 0
    if plan.is_exact and plan.name is not None:
        for part in scanning.count(view.connection, plan, most):
            many += part
            yield
    else:
        for found in matching(view.connection, query, plan, most):
            many += len(found)
            if most is not None and many >= most:
                many = most
                break
            yield
    return max(0, many - find.skip)


def distinct(view: View, find: Find, field: str) -> Slices:
    """Return the values of a field, each once, in their order.

    Where an index leads to the field, and tells all of the query, it is skipped from one value to the next.
    """
    table = view.tables.get(find.collection)
    query = compile_query(find.query)
    if table is None:
        return []
    skips = skips_of(table, query, field)
    if skips is not None:
        return (yield from _skip_through(view, skips, query, field))
    keys: dict[bytes, Any] = {}
    for matched in matching(view.connection, query, plan_of(table, query)):
        for stored in matched:
            keys.update(values_at(stored.document, field))
        yield
    return [keys[key] for key in sorted(keys)]


def _skip_through(view: View, skips: Skips, query: Query, field: str) -> Slices:
    found: dict[bytes, Any] = {}
    is_missing = False
    for prefix in skips.prefixes:
        for low, high in skips.ranges:
            place = low
            while raw := scanning.first(view.connection, skips, prefix + place, prefix + high):
                values = values_at(bson.decode(raw, DECODED), field)
                found.update(values)
                is_missing = is_missing or not values
                place = next(iter(values), MISSING_KEY) + END
                yield
    if is_missing and MISSING_KEY not in found:
        plan = null_plan(skips)
        for matched in matching(view.connection, query, plan):
            for stored in matched:
                found.update(values_at(stored.document, field))
            if found.get(MISSING_KEY, MISSING) is None:
                break
            yield
    return [found[key] for key in sorted(found)]
