"""Says in one line how something differs from what is recorded."""

from collections.abc import Iterable
from typing import Any

from executor.domain.log.records import json_bytes

_AROUND, _SHOWN = 30, 120


def first_difference(parts: Iterable[tuple[str, Any, Any]]) -> str:
    """Return the first of the named parts, as recorded and as it is now, that is not the same; "" if all are."""
    for name, recorded, now in parts:
        if recorded != now:
            before, after = _text(recorded), _text(now)
            if before != after:
                return _line(name, before, after)
    return ""


def _line(name: str, before: str, after: str) -> str:
    place = next(
        (n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other),
        min(len(before), len(after)),
    )
    start = max(0, place - _AROUND)
    was, now = (_excerpt(text, start) for text in (before, after))
    return f"its {name} differs from character {place + 1} on: recorded {was}, now {now}"


def _excerpt(text: str, start: int) -> str:
    part = text[start : start + _SHOWN]
    return f"`{'…' if start else ''}{part}{'…' if start + _SHOWN < len(text) else ''}`"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return (value if isinstance(value, bytes) else json_bytes(value)).decode()
