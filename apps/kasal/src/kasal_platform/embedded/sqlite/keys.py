"""The entries that an index has for a document, as MongoDB makes them.

An entry is the keys of the index's fields, joined. If the index is not unique, the document's row follows, so
that each entry is there once and a scan can go on behind any of them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from kasal_platform.embedded.sqlite.catalog import TableIndex
from kasal_platform.embedded.sqlite.errors import PARALLEL_ARRAYS
from kasal_platform.embedded.sqlite.failures import refusal
from kasal_platform.embedded.sqlite.values import (
    EMPTY_ARRAY_KEY,
    MISSING,
    MISSING_KEY,
    Document,
    reversed_key,
    sort_key,
)

ROW_BYTES = 6
_EMPTY = object()


class Entries:
    """The entries of one document in one index. `multikey` says that an array is among its values."""

    __slots__ = ("keys", "multikey")

    def __init__(self, keys: frozenset[bytes], multikey: bool) -> None:
        self.keys = keys
        self.multikey = multikey


_NONE = Entries(frozenset(), False)


def entries(index: TableIndex, document: Document) -> Entries:
    """Return the joined keys of `document`, without its row; none if the index leaves it out.

    Raises `OperationFailure` if two of the fields are arrays, as MongoDB does.
    """
    if index.partial is not None and not index.partial.matches(document):
        return _NONE
    flat = _flat(index, document)
    if flat is not None:
        return _NONE if flat == b"" else Entries(frozenset((flat,)), False)
    rows = values(index, document)
    return Entries(frozenset(map(key_of, rows)), True)


def with_row(index: TableIndex, keys: frozenset[bytes], row: int) -> list[bytes]:
    """Return the entries as the index's table has them."""
    if index.unique:
        return list(keys)
    suffix = row.to_bytes(ROW_BYTES, "big")
    return [key + suffix for key in keys]


def _flat(index: TableIndex, document: Document) -> bytes | None:
    """Return the only entry of a document without arrays in these fields: empty for none, else None."""
    parts: list[bytes] = []
    found = False
    for path in index.parts:
        value: Any = document
        for name in path:
            value = value.get(name, MISSING) if type(value) is dict else MISSING
            if type(value) is list:
                return None
        found = found or value is not MISSING
        parts.append(MISSING_KEY if value is MISSING else sort_key(value))
    return b"" if index.sparse and not found else b"".join(parts)


def key_of(row: tuple[Any, ...]) -> bytes:
    """Return the joined keys of the values of one entry."""
    return b"".join(map(_key, row))


def _key(value: Any) -> bytes:
    if value is _EMPTY:
        return EMPTY_ARRAY_KEY
    return MISSING_KEY if value is MISSING else sort_key(value)


def values(index: TableIndex, document: Document) -> Iterator[tuple[Any, ...]]:
    """Yield the values of each entry, in the order of the fields."""
    start = [(document, path) for path in index.parts]
    for row in _value_rows(start):
        if not index.sparse or any(value is not MISSING for value in row):
            yield row


def error_values(row: tuple[Any, ...]) -> list[Any]:
    """Return the values as an error shows them."""
    return [None if value is MISSING or value is _EMPTY else value for value in row]


def _value_rows(places: list[tuple[Any, tuple[str, ...]]]) -> Iterator[tuple[Any, ...]]:
    """Follow each path to its end or the next array; only one array is gone through, for all its paths."""
    reached: list[tuple[Any, tuple[str, ...]]] = []
    array: list[Any] | None = None
    for place in places:
        value, path = _follow(*place)
        reached.append((value, path))
        if type(value) is list and value is not place[0]:
            if array is not None and array is not value:
                raise refusal(PARALLEL_ARRAYS, "cannot index parallel arrays")
            array = value
    if array is None:
        yield tuple(value for value, _ in reached)
        return
    for element in array or [_EMPTY]:
        yield from _value_rows(
            [
                (value, path) if value is not array else _inside(element, path)
                for value, path in reached
            ]
        )


def _follow(value: Any, path: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """Return what the path leads to, or the array on its way, and what is left of it behind that."""
    left = list(path)
    while left:
        value = value.get(left.pop(0), MISSING) if type(value) is dict else MISSING
        if value is MISSING:
            return MISSING, ()
        if type(value) is list:
            break
    return value, tuple(left)


def _inside(element: Any, path: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """Return the place in an element of an array: an array in the array is not gone through."""
    if not path:
        return element, ()
    return (element, path) if type(element) is dict else (MISSING, ())


def order_key(document: Document, order: Sequence[tuple[str, int]]) -> bytes:
    """Return what documents are sorted by: of an array, the lowest element counts, or the highest."""
    parts = []
    for path, way in order:
        found = [_key(value) for (value,) in _value_rows([(document, tuple(path.split(".")))])]
        parts.append(min(found) if way > 0 else reversed_key(max(found)))
    return b"".join(parts)


def values_at(document: Document, path: str) -> dict[bytes, Any]:
    """Return what `distinct` sees at a path, by its key: elements instead of arrays, nothing if missing."""
    found: dict[bytes, Any] = {}
    for (value,) in _value_rows([(document, tuple(path.split(".")))]):
        if value is not MISSING and value is not _EMPTY:
            found[sort_key(value)] = value
    return found
