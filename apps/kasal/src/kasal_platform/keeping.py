"""What keeps a stack's parts running: whatever ends by itself is started again, later each time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from common.process.backoff import Backoff
from kasal_platform.local.program import ProgramFailed
from kasal_platform.parts import StackFailed

WELL_AFTER = 60.0
"""Seconds after which a part that ends counts as having started well."""
MOST_TRIES = 6
"""How often in a row a part may end sooner before it is given up."""
_BACKOFF = Backoff.doubling(0.5, 30.0)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class KeptPart:
    """One part: `wait_for_exit` returns why it ended by itself; `start` and `ready` bring it back."""

    name: str
    wait_for_exit: Callable[[], Awaitable[str]]
    start: Callable[[], Awaitable[None]]
    ready: Callable[[], Awaitable[None]]


class Keeper:
    """Restarts parts with growing pauses, and gives up on those that keep failing.

    `tell` gets a line about each restart.
    """

    def __init__(
        self,
        tell: Tell,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._sleep = sleep

    async def keep(self, parts: Iterable[KeptPart]) -> None:
        """Keep `parts` running until cancelled, or until all are given up."""
        await asyncio.gather(*(self._keep(part) for part in parts))

    async def _keep(self, part: KeptPart) -> None:
        tries = 0
        while True:
            begun = self._clock()
            why = await self._run_until_exit(part, again=tries > 0)
            tries = 1 if self._clock() - begun >= WELL_AFTER else tries + 1
            if tries >= MOST_TRIES:
                self._tell(
                    f"{part.name} is given up: it has ended {tries} times in a row soon after its "
                    f"start, now because it {why}"
                )
                return
            pause = _BACKOFF.pause(tries)
            self._tell(f"{part.name} {why}; it is started again in {pause:g} s")
            await self._sleep(pause)

    async def _run_until_exit(self, part: KeptPart, *, again: bool) -> str:
        """Keep the part running until it ends, and return why."""
        if again:
            try:
                await part.start()
                await part.ready()
            except (StackFailed, ProgramFailed, TimeoutError, OSError) as fault:
                return f"did not start: {fault}"
            self._tell(f"{part.name} is up again")
        return await part.wait_for_exit()
