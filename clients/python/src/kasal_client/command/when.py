"""Moments and durations, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def moment(event: dict[str, Any]) -> float | None:
    """Return when an event happened, in seconds since 1970; None if it does not say."""
    return seconds_of(event.get("timestamp"))


def seconds_of(text: Any) -> float | None:
    """Return a time of the API in seconds since 1970; None if there is none."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


def clock(event: dict[str, Any]) -> str:
    """Return when an event happened, as a clock here shows it."""
    at = moment(event)
    if at is None:
        return "--:--:--"
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S")


def duration(seconds: float | None) -> str:
    """Return a length of time: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def ago(text: Any, now: datetime | None = None) -> str:
    """Return how long ago a time of the API is."""
    at = seconds_of(text)
    if at is None:
        return ""
    past = (now or datetime.now(UTC)).timestamp() - at
    if past < 60:
        return "now" if past < 5 else f"{past:.0f} s ago"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if past >= length:
            return f"{past // length:.0f} {unit} ago"
    return ""


def money(cost: float | None) -> str:
    """Return an amount of US dollars; a small one with four digits."""
    if cost is None:
        return ""
    if not cost:
        return "$0"
    return f"${cost:.2f}" if cost >= 10 else f"${cost:.4f}"


def count(number: int) -> str:
    """Return a number with separators."""
    return f"{number:,}"
