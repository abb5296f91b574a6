"""Data on its way to a client that is reached through ASGI."""

import asyncio

from events.domain.ports import TooSlow

_FULL = 65_536
"""Bytes that a buffer holds before it is not `ready`: the same as uvicorn's transports."""


async def wait_for_client(event: asyncio.Event, seconds: float) -> None:
    """Wait for `event`. Raises `TooSlow` when the client does not read in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        raise TooSlow(f"the client did not read for {seconds:g} s") from None


class SendBuffer:
    """Chunks on their way to a client, bounded by `ready`."""

    def __init__(self, slow_after: float) -> None:
        self._slow_after = slow_after
        self._chunks: list[bytes] = []
        self._unsent = 0
        self._filled = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self.finished = False

    @property
    def ready(self) -> bool:
        return self._has_room.is_set()

    async def wait_until_ready(self) -> None:
        """Return when `ready`."""
        if not self._has_room.is_set():
            await wait_for_client(self._has_room, self._slow_after)

    def put(self, chunk: bytes) -> None:
        """Queue `chunk`, unless the buffer is finished."""
        if self.finished:
            return
        self._chunks.append(chunk)
        self._unsent += len(chunk)
        self._filled.set()
        if self._unsent >= _FULL:
            self._has_room.clear()

    def finish(self) -> None:
        """Accept nothing more; `take` returns what is there, then an empty list."""
        self.finished = True
        self._filled.set()

    async def take(self) -> list[bytes]:
        """Return all chunks, waiting for the first; call `free` when they are sent."""
        if not self.finished:
            await self._filled.wait()
        chunks, self._chunks = self._chunks, []
        self._filled.clear()
        return chunks

    def free(self, chunks: list[bytes]) -> None:
        """Make room again for as many bytes as these chunks have."""
        self._unsent -= sum(map(len, chunks))
        if self._unsent < _FULL:
            self._has_room.set()
