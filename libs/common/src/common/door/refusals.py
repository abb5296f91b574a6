"""Limits how many invalid tokens an address may try, so that guessing is not free."""

from collections.abc import Callable

from common.addresses import counted_as
from common.bounded_dict import BoundedDict
from common.door.windows import MINUTE, Window, wall_clock

_REMEMBERED = 50_000


class Refusals:
    """Counts refused tokens by address in a sliding window of a minute, up to `limit`.

    An IPv6 client is counted by its /64. The addresses counted longest ago are dropped first.
    """

    def __init__(
        self,
        limit: int,
        clock: Callable[[], int] = wall_clock,
        remembered: int = _REMEMBERED,
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._windows: BoundedDict[str, Window] = BoundedDict(remembered)

    def exhausted(self, address: str, undecided: int = 0) -> bool:
        """Return whether `address` may try no other token now, while `undecided` may yet be refused.

        It counts nothing.
        """
        window = self._windows.get(counted_as(address)) or Window()
        return not self._has_room(window, undecided)

    def add(self, address: str) -> None:
        """Count one more refused token of `address`, up to the limit."""
        key = counted_as(address)
        window = self._windows[key] = self._windows.get(key) or Window()
        if self._has_room(window):
            window.count += 1

    def _has_room(self, window: Window, undecided: int = 0) -> bool:
        now = self._clock()
        window.roll(now, MINUTE)
        return window.admits(now, MINUTE, self._limit - undecided)
