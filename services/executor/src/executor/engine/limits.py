"""Time limits that span all attempts of a job."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from executor.engine.faults import RunFault
from executor.engine.waits import Waits


@asynccontextmanager
async def time_limit(
    now: datetime, started: datetime | None, seconds: float, waits: Waits, fault: RunFault
) -> AsyncIterator[None]:
    """Raise `fault` in the block at `seconds` after `started`, or after now if that is None.

    The clock stands still while a question to a person is open.
    """
    used = timedelta() if started is None else now - started - waits.upto(now)
    left = seconds - max(used, timedelta()).total_seconds()
    if left <= 0:
        raise fault
    clock = _Clock(left)
    try:
        async with clock.limit:
            with waits.watch(clock.move):
                yield
    except TimeoutError:
        if clock.limit.expired():
            raise fault from None
        raise


class _Clock:
    """A time limit that can stand still. `left` is what is left of it, in seconds."""

    def __init__(self, left: float) -> None:
        self.limit = asyncio.timeout(left)
        self._left = left

    def move(self, waiting: bool) -> None:
        """Stop the clock, or let it go on."""
        now, due = asyncio.get_running_loop().time(), self.limit.when()
        if self.limit.expired():
            return
        if waiting and due is not None:
            self._left = max(0.0, due - now)
            self.limit.reschedule(None)
        elif not waiting and due is None:
            self.limit.reschedule(now + self._left)
