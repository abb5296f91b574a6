"""The calls of one run that change something outside, and must not be cut off half-way lightly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Effects:
    """Counts the effects under way. Once closed it lets no more begin.

    `cut` says that one did not come to its end, so that nobody knows what it has done.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self.cut = False
        self._over = asyncio.Event()
        self._over.set()
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Be under way inside; waits for ever when closed, since its run is about to be cut off."""
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
        """Let none begin any more; return when none is under way, or after `grace` seconds."""
        self._closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._over.wait()

    def hasten(self) -> None:
        """Have `close` wait no longer."""
        self._over.set()
