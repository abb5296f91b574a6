"""The calls of one run that change something outside, and must not be cut off half-way lightly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Effects:
    """Counts the effects under way. Once closed it lets no more begin."""

    def __init__(self) -> None:
        self._under_way = 0
        self._none = asyncio.Event()
        self._none.set()
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Be under way inside; waits for ever when closed, since its run is about to be cut off."""
        if self._closed:
            await asyncio.Event().wait()
        self._under_way += 1
        self._none.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._none.set()

    async def close(self, grace: float) -> None:
        """Let none begin any more; return when none is under way, or after `grace` seconds."""
        self._closed = True
        if self._under_way:
            try:
                async with asyncio.timeout(grace):
                    await self._none.wait()
            except TimeoutError:
                return
