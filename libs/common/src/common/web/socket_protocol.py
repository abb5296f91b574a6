"""WebSockets by uvicorn, with a bound on what one client can cost.

Every ping requires a pong, and every frame costs time in the parser, even before the client has shown a
token. So the server reads from a client no faster than the client reads; it parses a large piece of data in
slices, between which other tasks run; and it limits frames that carry no message of their own (pings,
pongs, fragments).
"""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from common.web.slow_clients import Flow

_SLICE = 2_048
"""Bytes parsed at once: about 340 of the smallest frames, a few milliseconds."""
_FRAMES_A_MINUTE = 1_200.0
"""Frames besides messages: this many at once, refilled over time."""
_TOO_MANY = 4429
_AFTER_CLOSE = 1_048_576
"""Bytes that are searched for a client's own close frame."""
_CLOSE_WITHIN = 5.0
"""Seconds that a client has to answer a close frame."""


class SocketProtocol(Flow, WebSocketsSansIOProtocol):
    """One WebSocket. It is closed with 4429 after too many frames without a message."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.close_timeout = _CLOSE_WITHIN
        self._unread = bytearray()
        self._next: asyncio.Handle | None = None
        self._frames_left = _FRAMES_A_MINUTE
        self._counted_at = self.loop.time()
        self._after_close = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop what has not been read."""
        self._unread.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data, at once or slice by slice."""
        if self.close_sent:
            self._after_close += len(data)
            if self._after_close > _AFTER_CLOSE:
                self.transport.abort()
                return
        if not self.handshake_initiated or (len(data) <= _SLICE and not self._unread):
            super().data_received(data)
            return
        self._unread += data
        self.transport.pause_reading()
        self._read_on()

    def pause_writing(self) -> None:
        """Read nothing from a client that does not read."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        super().resume_writing()
        self._read_on()

    async def receive(self) -> Any:
        """Return the next message; reading continues once the application has received them all."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read_on()
        return message

    async def send(self, message: Any) -> None:
        """Send a message; a close frame is sent even to a client that does not read."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)
        if self.close_sent:
            self._read_on()

    def _read_on(self) -> None:
        if self._may_read() and self._next is None:
            if self._unread:
                self._next = self.loop.call_soon(self._take_slice)
            else:
                self.transport.resume_reading()

    def _may_read(self) -> bool:
        # After closing, only wait for the client's own close frame and answer nothing.
        return self.close_sent or (self.writable.is_set() and not self.read_paused)

    def _take_slice(self) -> None:
        self._next = None
        if self.transport.is_closing():
            self._unread.clear()
        elif self._may_read():
            piece = bytes(self._unread[:_SLICE])
            del self._unread[:_SLICE]
            super().data_received(piece)
            self._read_on()

    def handle_ping(self) -> None:
        """Answer with a pong; after the close frame with nothing."""
        if self._counts():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_pong(self, event: Frame) -> None:
        """Accept the answer to a ping of ours."""
        if self._counts():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        """Accept the next part of a message."""
        if self._counts() and (event.data or event.fin):
            super().handle_cont(event)

    def handle_text(self, event: Frame) -> None:
        """Accept a message or its first part."""
        if event.fin or self._counts():
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """Accept a message or its first part."""
        if event.fin or self._counts():
            super().handle_bytes(event)

    def _counts(self) -> bool:
        """Count a frame; return False if it must be ignored because the socket is closed."""
        if self.close_sent:
            return False
        now = self.loop.time()
        earned = (now - self._counted_at) * _FRAMES_A_MINUTE / 60
        self._frames_left = min(self._frames_left + earned, _FRAMES_A_MINUTE) - 1
        self._counted_at = now
        if self._frames_left >= 0:
            return True
        self.conn.fail(_TOO_MANY, "this client sends too many frames")
        self.handle_parser_exception()
        return False
