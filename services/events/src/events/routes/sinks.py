"""How frames reach a client: straight into the transport where that is known, else by ASGI."""

import asyncio
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from events.domain.event import Batch, DeltaFrame, EventFrame
from events.domain.ports import Sink
from events.routes.send_buffer import SendBuffer, wait_for_client

_RAW_SEND = "kasal.raw_send"
_ABORT_AFTER = 10.0
"""Seconds that a closed client has to take what is still on its way to it."""


class RawSend:
    """Outermost middleware: keeps the server's own `send`, before any other middleware wraps it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_RAW_SEND] = send
        await self._app(scope, receive, send)


def abort(scope: Scope) -> bool:
    """Cut off the connection of `scope`, dropping whatever has not been sent.

    Returns False where the server does not allow it.
    """
    transport: Any = getattr(getattr(scope.get(_RAW_SEND), "__self__", None), "transport", None)
    if not hasattr(transport, "abort"):  # uvloop's is not an asyncio.Transport
        return False
    transport.abort()
    return True


class SocketSink(Sink, Protocol):
    """A WebSocket, as its session writes to it."""

    async def reply(self, frame: bytes) -> None:
        """Send one frame, after those before it. Raises `TooSlow`."""

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame after what is still unsent, and give up on the rest in time."""

    def dispose(self) -> None:
        """Release what the sink holds."""


def socket_sink(scope: Scope, send: Send, slow_after: float) -> SocketSink:
    """Return the fastest sink that this server has."""
    raw: Any = scope.get(_RAW_SEND, send)
    protocol = getattr(raw, "__self__", None)
    if isinstance(protocol, WebSocketsSansIOProtocol) and not protocol.conn.extensions:
        return TransportSink(protocol, slow_after)
    return QueuedSocketSink(raw, slow_after)


def text_frame(event: EventFrame) -> bytes:
    """Return the event as a WebSocket text frame (RFC 6455, section 5.2), unmasked and whole."""
    return text_frame_of(event.body)


def text_frame_of(body: bytes) -> bytes:
    """Return `body`, which is UTF-8, as a WebSocket text frame."""
    size = len(body)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + body
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + body
    return b"\x81\x7f" + size.to_bytes(8, "big") + body


class TransportSink:
    """Writes frames, built once for all sockets, straight into uvicorn's transport.

    `send` would build each socket's frame anew and needs an await; this is one `write` for any
    number of frames. It is `ready` while the transport is below its high-water mark (64 KiB), so
    what it holds is bounded by that and one batch.
    """

    def __init__(self, protocol: WebSocketsSansIOProtocol, slow_after: float) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._writable = protocol.writable
        self._slow_after = slow_after

    @property
    def ready(self) -> bool:
        return self._writable.is_set()

    def write(self, batch: Batch) -> None:
        """Send the batch, unless the socket is closed."""
        self._put(batch.encoding(text_frame))

    def write_delta(self, delta: DeltaFrame) -> None:
        """Send the delta, unless the socket is closed."""
        self._put(delta.encoding(text_frame_of))

    def _put(self, frames: bytes) -> None:
        if not self._protocol.close_sent and not self._transport.is_closing():
            self._transport.write(frames)

    async def wait_until_ready(self) -> None:
        """Return when `ready`."""
        if self._writable.is_set():
            return
        await wait_for_client(self._writable, self._slow_after)

    async def reply(self, frame: bytes) -> None:
        """Send one frame."""
        await self.wait_until_ready()
        self._put(text_frame_of(frame))

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame, even to a client that does not read."""
        if self._protocol.close_sent or self._transport.is_closing():
            return
        self._writable.set()  # else uvicorn's `send` waits for the client
        await self._protocol.send({"type": "websocket.close", "code": code, "reason": reason})
        asyncio.get_running_loop().call_later(_ABORT_AFTER, self._transport.abort)

    def dispose(self) -> None:
        """Nothing is held here."""


class QueuedSocketSink:
    """Frames sent by plain ASGI, for any other server: a bounded queue and a task that empties it."""

    def __init__(self, send: Send, slow_after: float) -> None:
        self._send = send
        self._buffer = SendBuffer(slow_after)
        self._pump = asyncio.create_task(self._run())

    @property
    def ready(self) -> bool:
        return self._buffer.ready

    def write(self, batch: Batch) -> None:
        """Queue the batch."""
        for event in batch.events:
            self._buffer.put(event.body)

    def write_delta(self, delta: DeltaFrame) -> None:
        """Queue the delta."""
        self._buffer.put(delta.body)

    async def wait_until_ready(self) -> None:
        """Return when `ready`."""
        await self._buffer.wait_until_ready()

    async def reply(self, frame: bytes) -> None:
        """Queue one frame."""
        await self.wait_until_ready()
        self._buffer.put(frame)

    async def close(self, code: int, reason: str) -> None:
        """Close behind what is queued, or without it when that takes too long."""
        self._buffer.finish()
        await asyncio.wait({self._pump}, timeout=1.0)
        self._pump.cancel()
        try:
            async with asyncio.timeout(1.0):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (TimeoutError, OSError, RuntimeError):
            return  # gone, or closed by the client in the meantime

    def dispose(self) -> None:
        """Stop the task."""
        self._pump.cancel()

    async def _run(self) -> None:
        while chunks := await self._buffer.take():
            for chunk in chunks:
                await self._send({"type": "websocket.send", "text": chunk.decode()})
            self._buffer.free(chunks)
