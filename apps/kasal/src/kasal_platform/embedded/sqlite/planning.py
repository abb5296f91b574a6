"""Chooses how a query reads: which index, between which keys, in which direction.

Indexes are used for what MongoDB uses them for: an equal prefix, the points of `$in`, one range behind them,
and the order of a sort. If points come before the sort, there is one scan a point, and they are merged.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kasal_platform.embedded.sqlite.catalog import PRIMARY, Table, TableIndex
from kasal_platform.embedded.sqlite.matching import Query
from kasal_platform.embedded.sqlite.ranges import EVERYTHING, Range
from kasal_platform.embedded.sqlite.values import END, MISSING_KEY

Order = Sequence[tuple[str, int]]

_MOST_SCANS = 200
"""Scans that are merged at most: as many as MongoDB's planner explodes a query into."""
_MOST_RANGES = 100_000
_ALL: Range = (b"", END)


@dataclass(frozen=True, slots=True)
class Scan:
    """Ranges in the order of their keys, all of which begin with `prefix`."""

    prefix: bytes
    ranges: Sequence[Range]


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """How a query reads. Each of `scans` is read in the order of its keys.

    `is_ordered`: merged, they have the order of the sort. `is_exact`: each key is of a document that matches,
    and no document comes twice.
    """

    table: Table
    index: TableIndex | None
    """None for the collection itself, by `_id` or, without `by_id`, by the rows."""
    by_id: bool
    scans: Sequence[Scan]
    backwards: bool
    is_ordered: bool
    is_exact: bool

    @property
    def name(self) -> str | None:
        """The name of the index, None if all documents are read."""
        if self.index is not None:
            return self.index.name
        return PRIMARY if self.by_id else None


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: TableIndex | None
    fields: tuple[str, ...]
    bounds: list[list[Range]]
    """The ranges of the leading fields: points in all but the last, which may have others."""
    points: int
    exact: bool


def plan_of(table: Table, query: Query, sort: Order = ()) -> ReadPlan:
    """Return the best plan for `query` with `sort`."""
    best: tuple[tuple[int, ...], ReadPlan] | None = None
    for candidate in _candidates(table, query):
        plan = _plan(table, candidate, sort)
        score = _score(candidate, plan, sort)
        if best is None or score > best[0]:
            best = score, plan
    if best is not None and any(best[0]):
        return best[1]
    return ReadPlan(table, None, False, [Scan(b"", [_ALL])], False, not sort, not query.paths)


def _score(candidate: _Candidate, plan: ReadPlan, sort: Order) -> tuple[int, ...]:
    unique = candidate.index is None or candidate.index.unique
    single = unique and candidate.points == len(candidate.fields)
    ordered = bool(sort) and plan.is_ordered
    bounded = len(candidate.bounds)
    return (single, candidate.points, bounded, ordered, candidate.exact and bounded > 0)


def _candidates(table: Table, query: Query) -> Iterator[_Candidate]:
    yield _candidate(None, ("_id",), query)
    for index in table.indexes.values():
        if index.partial is not None and not query.implies(index.partial):
            continue
        candidate = _candidate(index, index.fields, query)
        if not index.sparse or candidate.bounds:
            yield candidate


def _candidate(index: TableIndex | None, fields: tuple[str, ...], query: Query) -> _Candidate:
    multikey = index is not None and index.multikey
    bounds: list[list[Range]] = []
    seen: set[str] = set()
    points, exact, size = 0, True, 1
    for path in fields:
        found = query.intervals(path, multikey=multikey)
        if found is None or (multikey and path.partition(".")[0] in seen):
            break
        if index is not None and index.sparse and found.holds_missing:
            break
        size *= len(found.ranges)
        if size > _MOST_RANGES:
            break
        seen.add(path.partition(".")[0])
        bounds.append(list(found.ranges))
        exact = exact and found.exact
        if not _is_points(found.ranges):
            break
        points += 1
    covered = set(fields[: len(bounds)])
    exact = exact and not multikey and query.paths <= covered
    return _Candidate(index, fields, bounds, points, exact)


def _plan(table: Table, candidate: _Candidate, sort: Order) -> ReadPlan:
    start = _order_start(candidate, sort) if sort else None
    ranges = list(_ranges(candidate.bounds[start or 0 :]))
    scans = [
        Scan(prefix, [(prefix + low, prefix + high) for low, high in ranges])
        for prefix in _prefixes(candidate.bounds[: start or 0])
    ]
    return ReadPlan(
        table=table,
        index=candidate.index,
        by_id=candidate.index is None,
        scans=scans,
        backwards=start is not None and sort[0][1] < 0,
        is_ordered=start is not None or not sort,
        is_exact=candidate.exact,
    )


def _prefixes(points: list[list[Range]]) -> list[bytes]:
    """Return the joined keys of each choice of points."""
    return [b"".join(low for low, _ in head) for head in itertools.product(*points)]


def _ranges(bounds: list[list[Range]]) -> Iterator[Range]:
    """Yield the ranges of the joined keys, in their order."""
    if not bounds:
        yield _ALL
        return
    for prefix in _prefixes(bounds[:-1]):
        for low, high in bounds[-1]:
            yield prefix + low, prefix + high


def _order_start(candidate: _Candidate, sort: Order) -> int | None:
    """Return where in the index the order of `sort` begins, None if it does not have it."""
    if candidate.index is not None and candidate.index.multikey:
        return None
    if len({way for _, way in sort}) > 1:
        return None
    constant = {
        path
        for path, ranges in zip(
            candidate.fields, candidate.bounds[: candidate.points], strict=False
        )
        if len(ranges) == 1
    }
    wanted = [path for path, _ in sort if path not in constant]
    scans = 1
    for start in range(candidate.points + 1):
        rest = [path for path in candidate.fields[start:] if path not in constant]
        if rest[: len(wanted)] == wanted and scans <= _MOST_SCANS:
            return start
        if start < candidate.points:
            scans *= len(candidate.bounds[start])
    return None


@dataclass(frozen=True, slots=True)
class Skips:
    """How an index leads from each value of a field to the next, and through nothing that does not match."""

    table: Table
    index: TableIndex
    prefixes: Sequence[bytes]
    ranges: Sequence[Range]

    @property
    def name(self) -> str:
        return self.index.name


def skips_of(table: Table, query: Query, field: str) -> Skips | None:
    """Return an index for the distinct values of `field`, None if there is none for this query."""
    for index in table.indexes.values():
        if index.multikey or index.sparse or field not in index.fields:
            continue
        if index.partial is not None and not query.implies(index.partial):
            continue
        place = index.fields.index(field)
        if not query.paths <= set(index.fields[: place + 1]):
            continue
        head = [query.intervals(path, multikey=False) for path in index.fields[:place]]
        if any(one is None or not one.exact or not _is_points(one.ranges) for one in head):
            continue
        found = query.intervals(field, multikey=False)
        if found is None or found.exact:
            prefixes = _prefixes([list(one.ranges) for one in head if one is not None])
            ranges = [EVERYTHING] if found is None else found.ranges
            return Skips(table, index, prefixes, ranges)
    return None


def null_plan(skips: Skips) -> ReadPlan:
    """Return the plan that reads the documents whose field is null or missing."""
    ends = [prefix + MISSING_KEY for prefix in skips.prefixes]
    scan = Scan(b"", [(key, key + END) for key in ends])
    return ReadPlan(skips.table, skips.index, False, [scan], False, True, True)


def _is_points(ranges: Sequence[Range]) -> bool:
    return all(high == low + END for low, high in ranges)
