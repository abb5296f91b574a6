"""Limits on JSON values, so that every store and peer accepts them."""

import math
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 50
_INT64 = range(-(2**63), 2**63)


def check_storable(value: Any, path: str = "", depth: int = 0) -> None:
    """Raise `ValueError`, naming the place, if `value` cannot be stored and sent on unchanged.

    JSON allows strings that are not valid Unicode (half a surrogate pair), and integers and nesting
    without a limit; UTF-8, BSON and the stack do not. Python's parser accepts `NaN`, which is not JSON.
    """
    place = path or "the body"
    if depth > MAX_DEPTH:
        raise ValueError(f"{place} is nested too deeply")
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, int) and value not in _INT64:
        raise ValueError(f"{place} is a number that does not fit into 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} is not a finite number")
    elif isinstance(value, dict):
        for key in value:
            _check_key(str(key), place)
        _check_inside(value.items(), path, depth)
    elif isinstance(value, list):
        _check_inside(enumerate(value), path, depth)


def _check_inside(entries: Iterable[tuple[Any, Any]], path: str, depth: int) -> None:
    for name, inner in entries:
        if not _plain(inner, depth):
            check_storable(inner, f"{path}.{name}".lstrip("."), depth + 1)


def _plain(value: Any, depth: int) -> bool:
    """Return quickly, for most values, that they can be stored: a body may have half a million."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())  # known without scanning the string
    if value is None or kind is bool:
        return True
    if kind is int:
        return value in _INT64
    return (kind is dict or kind is list) and not value and depth < MAX_DEPTH


def _check_text(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{place} holds text that is not valid Unicode") from None


def _check_key(key: str, place: str) -> None:
    _check_text(key, f"a name in {place}")
    if "\0" in key:
        raise ValueError(f"a name in {place} holds a NUL character")
