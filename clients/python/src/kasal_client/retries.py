"""When a request is sent again, and after how long."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 60.0
"""Seconds. A platform that asks for a longer wait is not waited for: the caller gets the error."""
_PASSING = frozenset({429, 502, 503, 504})
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


def backoff(attempt: int, longest: float = 8.0) -> float:
    """Return the seconds to wait after the failure number `attempt` (from 0), with jitter."""
    return min(longest, 0.25 * 2.0 ** min(attempt, 10)) * random.uniform(0.5, 1.0)  # noqa: S311


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for: a number, or a date (RFC 9110, 10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isdecimal():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


@dataclass(frozen=True)
class RetryPolicy:
    """What is sent again: only what may safely arrive twice."""

    max_retries: int = 3

    def wait(
        self, attempt: int, *, is_repeatable: bool, status: int = 0, asked: float | None = None
    ) -> float | None:
        """Return the seconds to wait before the next attempt, None if there is none.

        `attempt` counts from 0. `status` is the answer's, 0 if there was none; `asked` is its `Retry-After`.
        A 429 was refused before anything was done, so it may always be repeated.
        """
        if attempt >= self.max_retries or not (is_repeatable or status == 429):
            return None
        is_passing = status == 0 or status in _PASSING or (status == 409 and asked is not None)
        if not is_passing or (asked is not None and asked > LONGEST_WAIT):
            return None
        return backoff(attempt) if asked is None else asked + random.uniform(0, 0.1)  # noqa: S311


def is_repeatable(method: str, headers: Mapping[str, str]) -> bool:
    """Say whether a request may arrive twice: by its method, or because it has an idempotency key."""
    if "If-Match" in headers:
        return False
    return method in _REPEATABLE or "Idempotency-Key" in headers
