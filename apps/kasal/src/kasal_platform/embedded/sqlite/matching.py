"""Queries: which documents they match, as MongoDB decides it, and what they say to an index.

Known are the operators that our stores use (`conditions`); all others are refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kasal_platform.embedded.sqlite.conditions import Condition, conditions
from kasal_platform.embedded.sqlite.failures import NOT_SINGLE_VALUE, refusal
from kasal_platform.embedded.sqlite.ranges import (
    Intervals,
    Range,
    common,
    holds,
    inside,
)
from kasal_platform.embedded.sqlite.values import MISSING, MISSING_KEY, Document, sort_key

_POSITIVE = frozenset({"$eq", "$in", "$gt", "$gte", "$lt", "$lte"})


class Query:
    """A compiled query: all of its conditions have to hold. `paths` are those that it names."""

    __slots__ = ("_checks", "_intervals", "conditions", "paths")

    def __init__(self, found: Sequence[Condition]) -> None:
        self.conditions = found
        self.paths = frozenset([one.path for one in found])
        self._checks = [one.check for one in found]
        self._intervals: dict[tuple[str, bool], Intervals | None] = {}

    def matches(self, document: Document) -> bool:
        """Say whether the query finds `document`, which is as `bson` decodes it."""
        for check in self._checks:  # noqa: SIM110 - twice as fast as `all`
            if not check(document):
                return False
        return True

    def intervals(self, path: str, *, multikey: bool = True) -> Intervals | None:
        """Return the keys by which an index of `path` finds what matches; None if that may be any.

        In a `multikey` index a document has a key for each element of its array: two conditions may be
        fulfilled by two of them, so only one of the conditions is used.
        """
        if path not in self.paths:
            return None
        place = path, multikey
        if place not in self._intervals:
            here = [one for one in self.conditions if one.path == path]
            self._intervals[place] = _intervals_of(here, multikey=multikey)
        return self._intervals[place]

    def implies(self, other: "Query") -> bool:
        """Say whether each document that this query matches surely matches `other`, an index's filter."""
        return all(any(_implies(mine, one) for mine in self.conditions) for one in other.conditions)

    def equality(self, path: str) -> Any:
        """Return the value that `path` has to be equal to, `MISSING` if there is none."""
        return dict(self._stated_values()).get(path, MISSING)

    def equalities(self) -> dict[str, Any]:
        """Return the paths that have to be equal to a value, by name: an upsert begins with them.

        Raises `OperationFailure` where two of them say what a field is.
        """
        found: dict[str, Any] = {}
        for path, value in sorted(self._stated_values(), key=_path):
            _check_stated_once(path, found)
            found[path] = value
        return found

    def _stated_values(self) -> list[tuple[str, Any]]:
        equal = [(one.path, one.operand) for one in self.conditions if one.operator == "$eq"]
        return equal + [
            (one.path, one.operand[0])
            for one in self.conditions
            if one.operator == "$in" and len({*map(sort_key, one.operand)}) == 1
        ]


EVERY = Query(())
"""The query that matches all documents."""


def compile_query(query: Mapping[str, Any]) -> Query:
    """Return `query` compiled. Raises `OperationFailure` for what MongoDB refuses or is not known here."""
    if not query:
        return EVERY
    found: list[Condition] = []
    for path, wanted in query.items():
        found += conditions(path, wanted)
    return Query(found)


def _intervals_of(here: Sequence[Condition], *, multikey: bool) -> Intervals | None:
    ranged = [(one, ranges) for one in here if (ranges := one.ranges()) is not None]
    if multikey:
        ranged = [(one, ranges) for one, ranges in ranged if _holds_for_elements(one)]
        ranged = sorted(ranged, key=_by_use)[:1]
    if not ranged:
        return None
    found: Sequence[Range] = ranged[0][1]
    for _, ranges in ranged[1:]:
        found = common(found, ranges)
    exact = not multikey and all(one.is_exact for one in here)
    return Intervals(found, exact, holds(found, MISSING_KEY))


def _path(stated: tuple[str, Any]) -> str:
    return stated[0]


def _check_stated_once(path: str, found: Mapping[str, Any]) -> None:
    if path in found:
        told = f"path '{path}' is matched twice"
        raise refusal(NOT_SINGLE_VALUE, f"cannot infer query fields to set, {told}")
    outer = path
    while "." in outer:
        outer = outer.rpartition(".")[0]
        if outer in found:
            told = f"both paths '{path}' and '{outer}' are matched"
            raise refusal(NOT_SINGLE_VALUE, f"cannot infer query fields to set, {told}")


def _holds_for_elements(one: Condition) -> bool:
    """Say whether the ranges hold for arrays: no element is null, though the path leads to nothing."""
    if one.operator in _POSITIVE:
        return True
    listed = one.operand if one.operator == "$nin" else (one.operand,)
    return None not in listed


def _by_use(ranged: tuple[Condition, Sequence[Range]]) -> tuple[int, int]:
    one, ranges = ranged
    kind = 0 if one.operator in {"$eq", "$in"} else 1 if one.operator in _POSITIVE else 2
    return kind, len(ranges)


def _implies(mine: Condition, other: Condition) -> bool:
    if mine.path != other.path:
        return False
    if mine.operator == other.operator and sort_key(mine.operand) == sort_key(other.operand):
        return True
    if mine.operator not in _POSITIVE or not mine.is_exact:
        return False
    ranges = mine.ranges() or ()
    if other.operator == "$exists":
        return not other.negated and not holds(ranges, MISSING_KEY)
    outer = other.ranges() if other.operator in _POSITIVE and other.is_exact else None
    return outer is not None and inside(ranges, outer)
