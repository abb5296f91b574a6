"""Ranges of keys: what a query says of one field, for an index of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kasal_platform.embedded.sqlite.values import (
    EMPTY_ARRAY_KEY,
    END,
    HIGHEST_KEY,
    LOWEST_KEY,
    MISSING_KEY,
    NAN_KEY,
    sort_key,
    type_bounds,
)

Range = tuple[bytes, bytes]
"""From the first key on, and below the second. `END` behind a key is above all that begin with it."""

EVERYTHING: Range = (LOWEST_KEY, HIGHEST_KEY + END)


@dataclass(frozen=True, slots=True)
class Intervals:
    """The keys that a field of a matching document has one of: ranges in order, apart from one another.

    `exact`: each document whose only key is in them satisfies the condition. `holds_missing`: documents
    without the field may.
    """

    ranges: Sequence[Range]
    exact: bool
    holds_missing: bool


def point(key: bytes) -> Range:
    """Return the range of a single key."""
    return key, key + END


def points(values: Sequence[Any]) -> list[Range]:
    """Return the keys by which an index holds fields that are equal to one of `values`.

    An index holds the elements of an array. So an array is found by its first one, or as an element.
    """
    if len(values) == 1 and not isinstance(values[0], list | tuple):
        return [point(sort_key(values[0]))]
    keys: set[bytes] = set()
    for value in values:
        keys.add(sort_key(value))
        if isinstance(value, list | tuple):
            keys.add(sort_key(value[0]) if value else EMPTY_ARRAY_KEY)
    return [point(key) for key in sorted(keys)]


def above(value: Any, *, inclusive: bool) -> list[Range]:
    """Return the keys of the values of the same type that are greater; with `inclusive`, equal too."""
    key = sort_key(value)
    if key in _ALONE:
        return [point(key)] if inclusive else []
    return _span(key if inclusive else key + END, _upper(key, value))


def below(value: Any, *, inclusive: bool) -> list[Range]:
    """Return the keys of the values of the same type that are less; with `inclusive`, equal too."""
    key = sort_key(value)
    if key in _ALONE:
        return [point(key)] if inclusive else []
    return _span(_lower(key, value), key + END if inclusive else key)


_ALONE = frozenset({NAN_KEY, MISSING_KEY})
"""Keys of values that nothing is less or greater than."""
_OUTERMOST = frozenset({LOWEST_KEY, HIGHEST_KEY})
"""MinKey and MaxKey are compared with values of all types."""


def _lower(key: bytes, value: Any) -> bytes:
    return LOWEST_KEY if key in _OUTERMOST else type_bounds(value)[0]


def _upper(key: bytes, value: Any) -> bytes:
    return HIGHEST_KEY + END if key in _OUTERMOST else type_bounds(value)[1]


def _span(low: bytes, high: bytes) -> list[Range]:
    return [(low, high)] if low < high else []


def without(ranges: Sequence[Range]) -> list[Range]:
    """Return the keys that are in none of `ranges`."""
    left: list[Range] = []
    low, end = EVERYTHING
    for start, stop in ranges:
        left += _span(low, start)
        low = stop
    return left + _span(low, end)


def common(one: Sequence[Range], other: Sequence[Range]) -> list[Range]:
    """Return the keys that are in both."""
    found: list[Range] = []
    left = right = 0
    while left < len(one) and right < len(other):
        found += _span(max(one[left][0], other[right][0]), min(one[left][1], other[right][1]))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return found


def holds(ranges: Sequence[Range], key: bytes) -> bool:
    """Say whether `key` is in one of `ranges`."""
    return any(low <= key < high for low, high in ranges)


def inside(ranges: Sequence[Range], outer: Sequence[Range]) -> bool:
    """Say whether all of `ranges` are in `outer`."""
    return list(ranges) == common(ranges, outer)
