"""Rate windows: how many requests a workspace or an address may send per minute and per hour.

Each is a sliding window of two buckets (`common.door.windows`). Refused requests are not counted.
`store/counters.py` does the same in Redis; a test checks that the two agree.
"""

import math
from dataclasses import dataclass, field

from common.bounded_dict import BoundedDict
from common.door.windows import HOUR, MINUTE, Window


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Requests per hour and per minute; None is no limit."""

    per_hour: int | None = None
    per_minute: int | None = None


UNLIMITED = RateLimits()
TIERS = {
    "free": RateLimits(per_hour=1_000, per_minute=100),
    "pro": RateLimits(per_hour=10_000, per_minute=1_000),
    "enterprise": UNLIMITED,
}


@dataclass(slots=True)
class WindowUsage:
    """What one client has used: its two windows, and when they were last read."""

    hour: Window = field(default_factory=Window)
    minute: Window = field(default_factory=Window)
    now: int = 0

    def take(self, limits: RateLimits, now: int) -> bool:
        """Count one request if both windows admit it, and return whether they do."""
        self.now = now
        self.hour.roll(now, HOUR)
        self.minute.roll(now, MINUTE)
        admitted = self.hour.admits(now, HOUR, limits.per_hour) and self.minute.admits(
            now, MINUTE, limits.per_minute
        )
        if admitted:
            self.hour.count += 1
            self.minute.count += 1
        return admitted


@dataclass(frozen=True, slots=True)
class Standing:
    """How one window stands after a request. `reset` is in seconds from now."""

    name: str
    seconds: int
    limit: int
    remaining: int
    reset: int
    wait: int
    """Seconds until a request fits, 0 if one does now."""


def standings(usage: WindowUsage, limits: RateLimits) -> list[Standing]:
    """Return how each limited window of `usage` stands, the tightest first."""
    found = []
    for name, window, length, limit in (
        ("hour", usage.hour, HOUR, limits.per_hour),
        ("minute", usage.minute, MINUTE, limits.per_minute),
    ):
        if limit is not None:
            found.append(_standing(name, window, length, limit, usage.now))
    found.sort(key=lambda standing: (standing.remaining, -standing.reset))
    return found


def _standing(name: str, window: Window, length: int, limit: int, now: int) -> Standing:
    remaining = max(0, math.floor(limit - window.usage(now, length)))
    wait = window.wait(now, length, limit)
    ends = window.start + length - now
    seconds = math.ceil(max(ends, wait) / 1000)
    return Standing(name, length // 1000, limit, remaining, seconds, math.ceil(wait / 1000))


class LocalUsage:
    """The windows of this process alone, for when Redis is away. The least recently used are dropped."""

    def __init__(self, remembered: int = 50_000) -> None:
        self._known: BoundedDict[str, WindowUsage] = BoundedDict(remembered)

    def take(self, key: str, limits: RateLimits, now: int) -> tuple[bool, WindowUsage]:
        """Count one request of `key` if it fits; return whether it does, and what is used."""
        usage = self._known[key] = self._known.get(key) or WindowUsage()
        return usage.take(limits, now), usage
