"""A sliding window: how many requests one client has made in the last minute or hour.

A window is two buckets, each as long as the window, the first begun by the first request. What
counts is the present bucket plus the part of the previous one that the window still covers. So a
fresh client gets exactly its limit, and any span `d` no longer than the window `w` holds at most
`limit * (1 + d / w)`: unlike with plain fixed windows, a burst across the border of two buckets is
no larger than one inside.
"""

import math
import time
from dataclasses import dataclass

MINUTE = 60_000
HOUR = 3_600_000


def wall_clock() -> int:
    """Return the milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


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
        if self.count == 0 and self.previous == 0:  # empty: the next request begins it
            self.start = now

    def usage(self, now: int, length: int) -> float:
        return self.previous * (1 - (now - self.start) / length) + self.count

    def admits(self, now: int, length: int, limit: int | None) -> bool:
        return limit is None or self.usage(now, length) + 1 <= limit

    def wait(self, now: int, length: int, limit: int) -> int:
        """Return the milliseconds until one more request fits, if no other comes first."""
        if self.admits(now, length, limit):
            return 0
        room = limit - 1 - self.count
        if room >= 0:  # the previous bucket is in the way: its part shrinks evenly
            covered = length * (1 - room / self.previous)
            return max(1, math.ceil(self.start + covered) - now)
        # This bucket is full: it becomes the previous one, and then its part must shrink by one.
        covered = length * (1 - (limit - 1) / self.count)
        return self.start + length + math.ceil(covered) - now
