"""The calls of one run that change something outside, and should not be cut off half-way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Effects:
    """Counts the effects in progress. Once closed, no more can begin.

    `cut` is true if an effect was cut off, so that nobody knows what it has done.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self.cut = False
        self._over = asyncio.Event()
        self._over.set()
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Count one effect during the block. Waits for ever once closed: the run is about to be cut off."""
        if self._closed:
            await asyncio.Event().wait()
        self.under_way += 1
        self._over.clear()
        try:
            yield
        except BaseException:
            self.cut = True
            raise
        finally:
            self.under_way -= 1
            if not self.under_way:
                self._over.set()

    async def close(self, grace: float) -> None:
        """Let no more begin; return when none is in progress, or after `grace` seconds."""
        self._closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._over.wait()

    def hasten(self) -> None:
        """Make `close` return now."""
        self._over.set()
