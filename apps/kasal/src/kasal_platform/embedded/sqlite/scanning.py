"""Reads what a plan names, slice by slice: between two slices nothing is open, so others can read and write."""

import heapq
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from kasal_platform.embedded.sqlite.catalog import PRIMARY
from kasal_platform.embedded.sqlite.planning import ReadPlan, Scan, Skips
from kasal_platform.embedded.sqlite.ranges import Range

SLICE_ROWS = 256
SLICE_BYTES = 1024 * 1024
"""A slice ends after so many rows, or after the row with which it holds so many bytes."""
COUNTED_ROWS = 20_000
_FIRST_ROWS = 32
_RANGES_TOGETHER = 64

Row = tuple[bytes, int, bytes]
"""The entry of the index, and the row and the bytes of its document."""


@dataclass(slots=True)
class Examined:
    """What a query has read, as MongoDB's `explain` tells it: for tests of plans."""

    operation: str
    collection: str
    query: Mapping[str, Any]
    sort: Sequence[tuple[str, int]] = ()
    limit: int = 0
    index: str | None = None
    """The index that was used, `_id_` too; None if all documents were read."""
    sorts: bool = False
    """Whether the results were sorted in memory."""
    keys: int = 0
    documents: int = 0
    returned: int = 0

    @classmethod
    def of_one(cls, operation: str, collection: str, query: Mapping[str, Any], found: bool) -> Self:
        """Return what was read by an `_id`."""
        many = int(found)
        return cls(operation, collection, query, (), 1, PRIMARY, False, many, many, many)


Observe = Callable[[Examined], None]
"""Is told what a query has read, on the thread that read it."""


class Scanner:
    """Reads the plan with `connection`. `wanted` is how many rows the caller needs, if it knows."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        plan: ReadPlan,
        examined: Examined,
        wanted: int | None = None,
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._first = _FIRST_ROWS if wanted is None else max(1, min(wanted, SLICE_ROWS))
        self._examined = examined

    def slices(self) -> Iterator[list[Row]]:
        """Yield the rows; a document comes once."""
        plan = self._plan
        if plan.name is None:
            yield from self._all()
        elif len(plan.scans) == 1:
            slices = self._read(plan.scans[0].ranges, self._first)
            multikey = plan.index is not None and plan.index.multikey
            yield from self._once(slices) if multikey else slices
        else:
            yield from self._merge()

    def _all(self) -> Iterator[list[Row]]:
        table, last, size = self._plan.table.table, 0, self._first
        sql = f"SELECT key, row, doc FROM {table} WHERE row > ? ORDER BY row LIMIT ?"
        while found := self._slice(sql, (last, size)):
            yield found
            last, size = found[-1][1], min(2 * size, SLICE_ROWS)

    def _read(self, ranges: Sequence[Range], first: int) -> Iterator[list[Row]]:
        if self._plan.backwards:
            for one in reversed(ranges):
                yield from self._range(one, first)
            return
        for start in range(0, len(ranges), _RANGES_TOGETHER):
            together = ranges[start : start + _RANGES_TOGETHER]
            if len(together) == 1:
                yield from self._range(together[0], first)
            else:
                yield from self._ranges(list(together), first)

    def _range(self, one: Range, first: int) -> Iterator[list[Row]]:
        (low, high), size = one, first
        sql = _select(self._plan)
        while found := self._slice(sql, (low, high, size)):
            yield found
            last = found[-1][0]
            low, high = (low, last) if self._plan.backwards else (last + b"\0", high)
            if len(found) < size and sum(len(raw) for _, _, raw in found) < SLICE_BYTES:
                return
            size = min(2 * size, SLICE_ROWS)

    def _ranges(self, left: list[Range], first: int) -> Iterator[list[Row]]:
        size = first
        while left:
            padded = 1 << (len(left) - 1).bit_length()
            bounds = [*left, *[(b"", b"")] * (padded - len(left))]
            parameters = (*(key for one in bounds for key in one), size)
            found = self._slice(_select_ranges(self._plan, padded), parameters)
            if not found:
                return
            yield found
            last = found[-1][0]
            left = [(max(low, last + b"\0"), high) for low, high in left if high > last]
            size = min(2 * size, SLICE_ROWS)

    def _slice(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        found: list[Row] = []
        size = 0
        rows = self._connection.execute(sql, parameters)
        try:
            for row in rows:
                found.append(row)
                size += len(row[2])
                if size >= SLICE_BYTES:
                    break
        finally:
            rows.close()
        self._examined.keys += len(found) if self._plan.name else 0
        self._examined.documents += len(found)
        return found

    @staticmethod
    def _once(slices: Iterator[list[Row]]) -> Iterator[list[Row]]:
        seen: set[int] = set()
        for found in slices:
            fresh = []
            for row in found:
                if row[1] not in seen:
                    seen.add(row[1])
                    fresh.append(row)
            yield fresh

    def _merge(self) -> Iterator[list[Row]]:
        """Merge the scans by what follows their fixed fields: each reads only as far as it is needed."""
        first = max(2, -(-self._first // len(self._plan.scans)))
        streams = [self._stream(scan, first) for scan in self._plan.scans]
        merged = heapq.merge(*streams, key=_suffix, reverse=self._plan.backwards)
        found: list[Row] = []
        size = 0
        for _, row in merged:
            found.append(row)
            size += len(row[2])
            if len(found) >= self._first or size >= SLICE_BYTES:
                yield found
                found, size = [], 0
        if found:
            yield found

    def _stream(self, scan: Scan, first: int) -> Iterator[tuple[bytes, Row]]:
        cut = len(scan.prefix)
        for found in self._read(scan.ranges, first):
            for row in found:
                yield row[0][cut:], row


def _suffix(pair: tuple[bytes, Row]) -> bytes:
    return pair[0]


def _source(plan: ReadPlan) -> tuple[str, str]:
    """Return the column with the entries, and the tables in the order in which they are read."""
    table = plan.table.table
    if plan.index is None:
        return "c.key", f"{table} c INDEXED BY sqlite_autoindex_{table}_1"
    return "i.entry", f"{plan.index.table} i CROSS JOIN {table} c ON c.row = i.row"


def _select(plan: ReadPlan) -> str:
    entry, source = _source(plan)
    way = "DESC" if plan.backwards else "ASC"
    return (
        f"SELECT {entry}, c.row, c.doc FROM {source}"
        f" WHERE {entry} >= ? AND {entry} < ? ORDER BY {entry} {way} LIMIT ?"
    )


def _select_ranges(plan: ReadPlan, many: int) -> str:
    """Return the statement that reads `many` ranges in their order: CROSS JOIN keeps that of the tables."""
    entry, source = _source(plan)
    bounds = ", ".join(["(?, ?)"] * many)
    return (
        f"SELECT {entry}, c.row, c.doc FROM (VALUES {bounds}) b CROSS JOIN {source}"
        f" WHERE {entry} >= b.column1 AND {entry} < b.column2 LIMIT ?"
    )


def first(connection: sqlite3.Connection, skips: Skips, low: bytes, high: bytes) -> bytes | None:
    """Return the first document that the index has between two keys."""
    row = connection.execute(
        f"SELECT c.doc FROM {skips.index.table} i CROSS JOIN {skips.table.table} c"
        " ON c.row = i.row WHERE i.entry >= ? AND i.entry < ? ORDER BY i.entry LIMIT 1",
        (low, high),
    ).fetchone()
    return None if row is None else row[0]


def count(connection: sqlite3.Connection, plan: ReadPlan, most: int | None) -> Iterator[int]:
    """Yield how many entries of an exact plan were counted, slice by slice."""
    left = most
    for scan in plan.scans:
        for low, high in scan.ranges:
            while left is None or left > 0:
                size = COUNTED_ROWS if left is None else min(left, COUNTED_ROWS)
                many, last = connection.execute(_count(plan), (low, high, size)).fetchone()
                left = None if left is None else left - many
                yield many
                if many < size:
                    break
                low = last + b"\0"  # noqa: PLW2901 - the rest of the range


def _count(plan: ReadPlan) -> str:
    place = "key" if plan.index is None else "entry"
    table = plan.table.table if plan.index is None else plan.index.table
    return (
        f"SELECT count(*), max({place}) FROM (SELECT {place} FROM {table}"
        f" WHERE {place} >= ? AND {place} < ? ORDER BY {place} LIMIT ?)"
    )
