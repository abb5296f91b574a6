"""Answers queries on a connection, in slices: `yield` hands the thread to the next reader."""

import heapq
import sqlite3
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
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
from kasal_platform.embedded.sqlite.scanning import Examined, Observe
from kasal_platform.embedded.sqlite.sending import DECODED, Packed
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
    observe: Observe | None = None


@dataclass(frozen=True, slots=True)
class Find:
    """A query `q` with the projection `f`. `limit` 0 is none."""

    collection: str
    packed: Packed
    sort: Order = ()
    skip: int = 0
    limit: int = 0

    @property
    def query(self) -> Document:
        found: Document = self.packed["q"] or {}
        return found

    @property
    def fields(self) -> Document | None:
        found: Document | None = self.packed["f"]
        return found


Found = tuple[bytes, Document]
"""A document that matches: its bytes and what they say."""


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
    examined: Examined,
    wanted: int | None = None,
) -> Iterator[list[Found]]:
    """Yield the documents that match, slice by slice, in the order of the plan."""
    exact, matches = plan.is_exact, query.matches
    for rows in scanning.Scanner(connection, plan, examined, wanted).slices():
        found: list[Found] = []
        for _, _, raw in rows:
            document = bson.decode(raw, DECODED)
            if exact or matches(document):
                found.append((raw, document))
        examined.returned += len(found)
        yield found


def found_in_order(
    view: View, find: Find, operation: str = "find"
) -> Generator[list[Found], None, None]:
    """Yield the documents of a query in its order, without those it skips and those beyond its limit."""
    table = view.tables.get(find.collection)
    query = compile_query(find.query)
    if table is None:
        return
    plan = plan_of(table, query, find.sort)
    most = find.skip + find.limit if find.limit else None
    with examining(view.observe, operation, find, plan) as examined:
        slices = matching(view.connection, query, plan, examined, most)
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


@contextmanager
def examining(
    observe: Observe | None, operation: str, find: Find, plan: ReadPlan | Skips
) -> Iterator[Examined]:
    """Yield the counts of a query; whoever observes gets them at its end."""
    ordered = isinstance(plan, Skips) or plan.is_ordered
    examined = Examined(
        operation, find.collection, find.query, find.sort, find.limit, plan.name, not ordered
    )
    try:
        yield examined
    finally:
        if observe is not None:
            observe(examined)


def _sort(slices: Iterator[list[Found]], order: Order, most: int | None) -> Iterator[list[Found]]:
    """Sort all, or find the first `most`: no more than twice as many are held."""
    held: list[tuple[bytes, int, Found]] = []
    number = size = 0
    for found in slices:
        for one in found:
            held.append((order_key(one[1], order), number, one))
            number += 1
            size += len(one[0])
        if most is not None and len(held) > 2 * most:
            held = heapq.nsmallest(most, held)
            size = sum(len(raw) for _, _, (raw, _) in held)
        if size > _MOST_SORTED:
            raise refusal(
                SORT_TOO_LARGE,
                f"Sort exceeded memory limit of {_MOST_SORTED} bytes: an index must give its order.",
            )
        yield []
    held.sort()
    yield [found for _, _, found in held[:most]]


class CursorBatches:
    """The documents of a query, batch by batch: for a cursor, which reads on when its caller wants more."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._slices: Iterator[list[Found]] | None = None

    def next(self, view: View, most: int, most_bytes: int) -> Slices:
        """Read the next batch: at least so many documents or bytes, and whether it was the last."""
        if self._slices is None:
            self._slices = found_in_order(view, self._find)
        project = compile_projection(self._find.fields)
        batch: list[Document] = []
        size = 0
        for found in self._slices:
            batch += [project.apply(document, self._find.query) for _, document in found]
            size += sum(len(raw) for raw, _ in found)
            if len(batch) >= most or size >= most_bytes:
                return batch, False
            yield
        return batch, True


def find_one(view: View, find: Find) -> Any:
    """Return the first document of a query, or None; or what reads on for it."""
    key = point_of(find.query)
    if key is None:
        return _first(view, find)
    table = view.tables.get(find.collection)
    if table is None:
        compile_query(find.query)  # which refuses what it does not know
        return None
    row = view.connection.execute(f"SELECT doc FROM {table.table} WHERE key = ?", (key,)).fetchone()
    document = None if row is None else bson.decode(row[0], DECODED)
    if len(find.query) > 1 and not compile_query(find.query).matches(document or {}):
        document = None
    if view.observe is not None:
        view.observe(Examined.of_one("find", find.collection, find.query, document is not None))
    if document is None:
        return None
    return compile_projection(find.fields).apply(document, find.query)


def _first(view: View, find: Find) -> Slices:
    slices = found_in_order(view, find)
    for found in slices:
        if found:
            slices.close()
            return compile_projection(find.fields).apply(found[0][1], find.query)
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
    with examining(view.observe, "count", find, plan) as examined:
        if plan.is_exact and plan.name is not None:
            for part in scanning.count(view.connection, plan, most):
                examined.keys += part
                many += part
                yield
        else:
            for found in matching(view.connection, query, plan, examined, most):
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
    plan = skips or plan_of(table, query)
    with examining(view.observe, "distinct", find, plan) as examined:
        if skips is not None:
            return (yield from _skip_through(view, skips, query, field, examined))
        keys: dict[bytes, Any] = {}
        for found in matching(view.connection, query, plan_of(table, query), examined):
            for _, document in found:
                keys.update(values_at(document, field))
            yield
        return [keys[key] for key in sorted(keys)]


def _skip_through(view: View, skips: Skips, query: Query, field: str, examined: Examined) -> Slices:
    found: dict[bytes, Any] = {}
    is_missing = False
    for prefix in skips.prefixes:
        for low, high in skips.ranges:
            place = low
            while raw := scanning.first(view.connection, skips, prefix + place, prefix + high):
                examined.keys += 1
                values = values_at(bson.decode(raw, DECODED), field)
                found.update(values)
                is_missing = is_missing or not values
                place = next(iter(values), MISSING_KEY) + END
                yield
    if is_missing and MISSING_KEY not in found:
        for matched in matching(view.connection, query, null_plan(skips), examined):
            for _, document in matched:
                found.update(values_at(document, field))
            if found.get(MISSING_KEY, MISSING) is None:
                break
            yield
    return [found[key] for key in sorted(found)]
