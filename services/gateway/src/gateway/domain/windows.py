"""Rate windows: how many requests a workspace or an address may send per minute and per hour.

A window is two buckets, each as long as the window, the first begun by the first request. What
counts is the present bucket plus the part of the previous one that the window still covers. So a
fresh client gets exactly its limit, and in any span `d` no longer than the window `w` never more
than `limit * (1 + d / w)`: unlike with plain fixed windows, a burst across the border of two
buckets is no larger than one inside. Refused requests are not counted. `store/counters.py` does the
same in Redis; a test holds the two to each other.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, field

MINUTE = 60_000
HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests per hour and per minute; None is no limit."""

    per_hour: int | None = None
    per_minute: int | None = None


UNLIMITED = Limits()
TIERS = {
    "free": Limits(per_hour=1_000, per_minute=100),
    "pro": Limits(per_hour=10_000, per_minute=1_000),
    "enterprise": UNLIMITED,
}


@dataclass(slots=True)
class Window:
    """The two buckets of one window. Times are in milliseconds."""

    start: int = 0
    count: int = 0
    previous: int = 0

    def roll(self, now: int, length: int) -> None:
        """Move on to the bucket that `now` is in."""
        behind = now - self.start
        if behind >= 2 * length or behind < 0:
            self.count, self.previous = 0, 0
        elif behind >= length:
            self.start, self.count, self.previous = self.start + length, 0, self.count
        if self.count == 0 and self.previous == 0:  # begun anew by whoever comes now
            self.start = now

    def used(self, now: int, length: int) -> float:
        return self.previous * (1 - (now - self.start) / length) + self.count

    def admits(self, now: int, length: int, limit: int | None) -> bool:
        return limit is None or self.used(now, length) + 1 <= limit

    def wait(self, now: int, length: int, limit: int) -> int:
        """Return the milliseconds until one more request fits, if none comes before."""
        if self.admits(now, length, limit):
            return 0
        room = limit - 1 - self.count
        if room >= 0:  # the previous bucket is in the way: its part shrinks evenly
            covered = length * (1 - room / self.previous)
            return max(1, math.ceil(self.start + covered) - now)
        # This bucket is full: it becomes the previous one, and then its part must shrink by one.
        covered = length * (1 - (limit - 1) / self.count)
        return self.start + length + math.ceil(covered) - now


@dataclass(slots=True)
class Usage:
    """What one client has used: its two windows, and the moment they were looked at."""

    hour: Window = field(default_factory=Window)
    minute: Window = field(default_factory=Window)
    now: int = 0

    def take(self, limits: Limits, now: int) -> bool:
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


def standings(usage: Usage, limits: Limits) -> list[Standing]:
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
    remaining = max(0, math.floor(limit - window.used(now, length)))
    wait = window.wait(now, length, limit)
    ends = window.start + length - now
    seconds = math.ceil(max(ends, wait) / 1000)
    return Standing(name, length // 1000, limit, remaining, seconds, math.ceil(wait / 1000))


class LocalUsage:
    """The windows of this process alone, for when Redis is away. The least recent are forgotten."""

    def __init__(self, remembered: int = 50_000) -> None:
        self._remembered = remembered
        self._known: OrderedDict[str, Usage] = OrderedDict()

    def take(self, key: str, limits: Limits, now: int) -> tuple[bool, Usage]:
        """Count one request of `key` if it fits; return whether it does, and what is used."""
        usage = self._known.get(key)
        if usage is None:
            usage = self._known[key] = Usage()
            if len(self._known) > self._remembered:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return usage.take(limits, now), usage

    def spent(self, key: str, limits: Limits, now: int) -> bool:
        """Return whether no request of `key` would fit now; counts nothing."""
        usage = self._known.get(key)
        if usage is None or limits.per_minute is None:
            return False
        usage.minute.roll(now, MINUTE)
        return not usage.minute.admits(now, MINUTE, limits.per_minute)
