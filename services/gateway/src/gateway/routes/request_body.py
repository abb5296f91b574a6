"""A request's body as it arrives, and a client that goes away before its answer."""

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Receive

from common.errors import PayloadTooLarge

_WATCH_AFTER = 0.2
"""Seconds after which a client that waits for its answer is watched, in case it goes away."""


class ClientGone(Exception):  # noqa: N818 - it says what happened
    """The client has closed its connection; nobody waits for an answer any more."""


class RequestBody:
    """A request's body as it arrives. `complete` says that all of it has been read."""

    def __init__(self, receive: Receive, largest: int) -> None:
        self._receive = receive
        self.largest = largest
        self.taken = 0
        self.complete = False
        self.gone = False
        self.too_large = False

    async def part(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.gone = True
            raise ClientGone
        part: bytes = message.get("body", b"")
        self.complete = not message.get("more_body", False)
        self.taken += len(part)
        if self.taken > self.largest:
            self.too_large = True
            raise PayloadTooLarge(f"The body is larger than {self.largest} bytes.")
        return part

    async def whole(self) -> bytes:
        parts = []
        while not self.complete:
            parts.append(await self.part())
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def parts(self) -> AsyncIterator[bytes]:
        while not self.complete:
            part = await self.part()
            if part:
                yield part


class DepartureWatch:
    """Cancels a task when its client goes away. Costs a timer, and a task only if the request takes long."""

    def __init__(self, receive: Receive, body: RequestBody | None) -> None:
        self._receive = receive
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._served = asyncio.current_task()
        self._watching: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(_WATCH_AFTER, self._begin)
        self._gone = False

    def _begin(self) -> None:
        if self._body is not None and not self._body.complete:
            self._timer = self._loop.call_later(_WATCH_AFTER, self._begin)
        else:
            self._watching = self._loop.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._served is not None:
            self._served.cancel()

    def has_cancelled(self) -> bool:
        """Return whether it was the watch that cancelled the task, which then may go on."""
        if self._gone and self._served is not None:
            return self._served.uncancel() == 0
        return False

    def end(self) -> None:
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
