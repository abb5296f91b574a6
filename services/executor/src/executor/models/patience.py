"""How long to wait for a model: our own pauses, and what its provider asks for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from common.process.backoff import Backoff

_JITTER = 0.2
_MILLISECONDS = ("retry-after-ms", "x-ms-retry-after-ms")


@dataclass(frozen=True, slots=True)
class ModelPatience:
    """For how many seconds after its first failure a request is retried, and how often at most.

    Pauses begin with `first` seconds and double up to `most`.
    """

    tries: int = 1_000
    longest: float = 300.0
    first: float = 0.5
    most: float = 20.0

    def pause(self, tries: int, left: float, asked: float | None) -> float | None:
        """Return the seconds to wait after the `tries`th failure, or None to give up.

        `left` is what is left of `longest`, and `asked` the pause that the provider asks for. We
        respect it, but never wait less than we would anyway.
        """
        if tries >= self.tries or left <= 0:
            return None
        own = Backoff.doubling(self.first, self.most, _JITTER).pause(tries)
        if asked is not None and asked > own:
            return asked if asked <= left else None
        return min(own, left)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that an answer's headers ask to wait, or None if they ask for none.

    Numbers may have fractions; a date (RFC 9110, 10.2.3) is relative to the answer's own `Date`.
    Past dates and negative numbers ask for nothing.
    """
    by_name = {name.lower(): value for name, value in headers.items()}
    for name in _MILLISECONDS:
        seconds = _number(by_name.get(name))
        if seconds is not None:
            return seconds / 1_000
    asked = by_name.get("retry-after")
    seconds = _number(asked)
    if seconds is None and asked is not None:
        seconds = _until(asked, by_name.get("date"), now)
    return seconds


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _until(asked: str, date: str | None, now: datetime) -> float | None:
    until = _moment(asked)
    if until is None:
        return None
    seconds = (until - (_moment(date or "") or now)).total_seconds()
    return seconds if seconds > 0 else None


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
