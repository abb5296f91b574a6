"""Work that no response may wait for, because its timing would give something away."""

import asyncio
from collections.abc import Awaitable, Callable

from common.logs import get_logger

log = get_logger(__name__)

MOST_WAITING = 1_000
Errand = Callable[[], Awaitable[None]]


class Errands:
    """Runs errands one at a time while `run` is running. When too many wait, new ones are dropped and logged."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Errand] = asyncio.Queue(MOST_WAITING)

    def add(self, errand: Errand) -> None:
        """Queue an errand."""
        try:
            self._waiting.put_nowait(errand)
        except asyncio.QueueFull:
            log.warning("an errand was dropped: too many wait")

    async def run(self) -> None:
        """Run the queued errands until cancelled."""
        while True:
            errand = await self._waiting.get()
            try:
                await errand()
            except Exception:
                log.exception("an errand failed")
