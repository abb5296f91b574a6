"""One client watching one job: stored and live events, joined by a single number."""

import asyncio
from typing import TYPE_CHECKING

from common.errors import KasalError, Unavailable, UpstreamTimeout
from common.logs import get_logger
from events.domain.event import Batch, DeltaFrame
from events.domain.ports import OnEnd, Sink, TooSlow

if TYPE_CHECKING:
    from events.domain.feed import Feed

log = get_logger(__name__)

_PIECE = 131_072
"""Bytes of stored events written to a client at a time."""


class Watch:
    """Sends a job's events to `sink`, from `after_seq` + 1 on, each once and in order.

    `next` is the one number it keeps. A live batch that starts with `next` is sent; what is below
    is dropped; what is above makes it read the store from `next` on. Nothing live is held back
    here. After the terminal event, or when it cannot go on, `on_end` is called, once. `deltas` says
    that the client wants to see texts while they are written.
    """

    def __init__(
        self, feed: "Feed", sink: Sink, after_seq: int, on_end: OnEnd, *, deltas: bool = False
    ) -> None:
        self.next = after_seq + 1
        self.deltas = deltas
        self._feed = feed
        self._sink = sink
        self._on_end = on_end
        self._started = False
        self._ended = False
        self._reading: asyncio.Task[None] | None = None

    def start(self, first: Batch | None) -> None:
        """Send `first`, which was read from the store, and go on from there."""
        self._started = True
        if first is not None or self.next <= self._feed.head:
            self._read_on(first)

    def stop(self) -> None:
        """Send nothing more. `on_end` is not called."""
        if self._ended:
            return
        self._ended = True
        self._feed.watches.discard(self)
        if self._reading is not None:
            self._reading.cancel()

    def offer(self, batch: Batch) -> int:
        """Take live events; the feed's `head` includes them already. Returns how many were sent."""
        if self._reading is not None or not self._started or self.next > batch.last:
            return 0
        if self.next < batch.first or not self._sink.ready:
            self._read_on(None)
            return 0
        wanted = batch.since(self.next)
        self._send(wanted)
        return len(wanted.events)

    def offer_delta(self, delta: DeltaFrame) -> None:
        """Send a delta, unless the client is behind: then it gets events first."""
        level = self._reading is None and self.next > self._feed.head
        if self.deltas and self._started and not self._ended and level and self._sink.ready:
            self._sink.write_delta(delta)

    def look(self) -> None:
        """Read on if there is something to read and no read is running."""
        if self._started and self._reading is None and self.next <= self._feed.head:
            self._read_on(None)

    def _read_on(self, first: Batch | None) -> None:
        if not self._ended:
            self._reading = asyncio.create_task(self._catch_up(first))

    async def _catch_up(self, batch: Batch | None) -> None:
        try:
            if batch is not None:
                await self._send_in_pieces(batch)
            while not self._ended and self.next <= self._feed.head:
                found = self._feed.recent(self.next) or await self._read_stored()
                if found is None:
                    return  # not readable yet; the next look at the heads comes back to it
                await self._send_in_pieces(found)
        except (Unavailable, UpstreamTimeout) as fault:
            log.warning(
                "events could not be read; trying again",
                job_id=self._feed.job_id,
                reason=fault.message,
            )
        except (TooSlow, KasalError) as fault:
            self._finish(fault)
        finally:
            self._reading = None

    async def _read_stored(self) -> Batch | None:
        page = await self._feed.read(self.next)
        return Batch(page.events) if page.events else None

    async def _send_in_pieces(self, batch: Batch) -> None:
        for piece in batch.pieces(_PIECE):
            while not self._sink.ready:  # a socket's other watches may have filled it first
                await self._sink.wait_until_ready()
            if self._ended:
                return
            self._send(piece)

    def _send(self, batch: Batch) -> None:
        self._sink.write(batch)
        self.next = batch.last + 1
        if batch.terminal:
            self._finish(None)

    def _finish(self, reason: Exception | None) -> None:
        if not self._ended:
            self._ended = True
            self._feed.watches.discard(self)
            self._on_end(reason)
