"""Measures how long an event loop is blocked, for tests with input from users, models, tools and pages.

    async def test_nothing_said_holds_the_loop() -> None:
        await warm_up()                     # so that late imports are not measured
        async with loop_lag():
            await the_place_under_test(hostile)

It fails if the loop's own thread worked for longer than 50 ms between two turns. This is measured in the
thread's CPU time, so that a busy machine makes no difference: a loop that only waits for the CPU is not
blocked. Another thread can block the loop too, if it does not release the interpreter (a long call of a C
library). That is measured in CPU time of the whole process, with a wider limit. Objects made before the
block are excluded from garbage collection meanwhile: a collection of all of them takes longer than the
limit.
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

HELD = 0.05
"""CPU seconds that the loop's thread may work between two turns."""
STARVED = 2.0
"""CPU seconds that the process may work between two turns of the loop.

If other programs use the CPU too, threads that release the interpreter every few milliseconds can delay
a loop for some tenths of a second. This looks for a call of a C library that does not release it, which
takes longer than that on any hostile value.
"""
_TICK = 0.001


@dataclass
class Lag:
    """The longest times between two turns of the loop, in seconds of CPU time."""

    held: float = 0.0
    """Work of the loop's own thread."""
    starved: float = 0.0
    """Work of the process, on any thread."""


class _Clock:
    def __init__(self, lag: Lag) -> None:
        self._lag = lag
        self.begin()

    def begin(self) -> None:
        self._own, self._all, self._wall = time.thread_time(), time.process_time(), time.monotonic()

    def turn(self) -> None:
        own, all_, wall = self._own, self._all, self._wall
        self.begin()
        self._lag.held = max(self._lag.held, self._own - own)
        # Two busy threads count twice, but a loop never waits longer than the wall clock says.
        self._lag.starved = max(self._lag.starved, min(self._all - all_, self._wall - wall))


@contextlib.asynccontextmanager
async def loop_lag(*, held: float = HELD, starved: float = STARVED) -> AsyncIterator[Lag]:
    """Measure the running loop's lag during the block, and fail if it exceeds the limits.

    Raises `AssertionError`. Limits are in seconds; pass `math.inf` to only measure.
    """
    lag = Lag()
    clock = _Clock(lag)

    async def tick() -> None:
        while True:
            await asyncio.sleep(_TICK)
            clock.turn()

    gc.freeze()
    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    clock.begin()
    try:
        yield lag
        clock.turn()
    finally:
        gc.unfreeze()
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
    assert lag.held <= held, f"The loop was held for {lag.held * 1000:.0f} ms at once."
    assert lag.starved <= starved, f"Other threads kept the loop waiting {lag.starved:.2f} s."
