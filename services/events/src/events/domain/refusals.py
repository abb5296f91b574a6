"""How many tokens that did not hold an address has tried: guessing must not be free at this door either."""

import time
from collections import OrderedDict
from collections.abc import Callable

_WINDOW = 60.0
_REMEMBERED = 10_000


class Refusals:
    """Counts by address in windows of a minute; of very many addresses, the latest."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._counted: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def spent(self, address: str) -> bool:
        """Return whether `address` has used up this minute's."""
        began, count = self._counted.get(address, (0.0, 0))
        return count >= self._most and self._clock() - began < _WINDOW

    def add(self, address: str) -> None:
        """Count one more of `address`."""
        now = self._clock()
        began, count = self._counted.pop(address, (now, 0))
        fresh = now - began >= _WINDOW
        self._counted[address] = (now, 1) if fresh else (began, count + 1)
        if len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)
