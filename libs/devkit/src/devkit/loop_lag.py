"""How long an event loop was held: for tests that feed it what users, models, tools and pages say.

    async def test_nothing_said_holds_the_loop() -> None:
        await warm_up()                     # what is imported late is not what is measured
        async with loop_lag():
            await the_place_under_test(hostile)

It fails when the loop's own thread worked for longer than 50 ms between two turns. That is counted in
the thread's processor time, so that a busy machine makes no difference: a loop that only waits for
the processor is not held. What another thread of the process does beside the loop may keep it
waiting too, when it does not let go of the interpreter (a long call of a C library): that is counted
in the whole process's processor time, with a wider bound. What a test run has made before the block is
left out of garbage collections meanwhile: to look through all of it takes longer than the bound.
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

HELD = 0.05
"""Seconds of its own work that a loop may do between two turns."""
STARVED = 2.0
"""Seconds of the process's work that a loop may have to wait for between two turns.

Where other programs want the processor too, threads that let go of the interpreter every few
milliseconds keep a loop waiting for some tenths of a second. What this looks for, a call of a C
library that does not let go, takes longer than that on any hostile value.
"""
_TICK = 0.001


@dataclass
class Lag:
    """The longest times between two turns of the loop, in seconds of processor time."""

    held: float = 0.0
    """The loop's own thread worked."""
    starved: float = 0.0
    """The process worked, on whichever threads."""


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
        # Two threads at work count twice: no loop waits for longer than the wall's clock says.
        self._lag.starved = max(self._lag.starved, min(self._all - all_, self._wall - wall))


@contextlib.asynccontextmanager
async def loop_lag(*, held: float = HELD, starved: float = STARVED) -> AsyncIterator[Lag]:
    """Measure the running loop's lag while the block runs, and fail when it was above the bounds.

    Raises `AssertionError`. Bounds are in seconds; pass `math.inf` to only measure.
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
