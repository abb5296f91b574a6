"""The WebSocket, passed through to the events service in both directions."""

import asyncio
import contextlib

from starlette.types import Receive, Send

from common.errors import InvalidRequest, KasalError, Unavailable, UpstreamTimeout, cause_text
from common.logs import get_logger
from common.web.queries import check_none
from common.web.requests import unsaid
from gateway.domain.ports import SocketClosed, Upstream, UpstreamSocket
from gateway.routes.answers import failure
from gateway.routes.visit import Visit

log = get_logger(__name__)

_RESTART = 1012
"""Sent to a client when the service behind is lost: come back (RFC 6455 registry)."""
_OWN_TO_THE_PROTOCOL = frozenset({1004, 1005, 1006, 1015})
"""Codes that may not be sent in a frame (RFC 6455, section 7.4.1)."""
_HANDSHAKE = (
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
)


async def refuse(send: Send, visit: Visit, error: KasalError) -> None:
    """Answer a handshake with an error instead of a WebSocket."""
    headers, body = failure(visit, error)
    headers += [(b"content-length", b"%d" % len(body)), *visit.extra]
    headers += unsaid(headers)
    visit.status = error.status
    start = {"type": "websocket.http.response.start", "status": error.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})


async def relay(visit: Visit, upstream: Upstream, receive: Receive, send: Send) -> None:
    """Connect the client with the service until one of them closes.

    Raises a `KasalError` before the handshake is answered.
    """
    await receive()  # websocket.connect
    socket = await _connect(visit, upstream)
    visit.status = 101
    incoming: asyncio.Task[None] | None = None
    try:
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": socket.protocol,
                "headers": visit.extra,
            }
        )
        incoming = asyncio.create_task(_carry_in(receive, socket))
        await _carry_out(socket, send)
        await incoming  # it sees the end too, and carries the client's own close
    except OSError:
        pass  # the client is gone
    finally:
        if incoming is not None:
            incoming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await incoming
        with contextlib.suppress(KasalError):
            await socket.close(1001)


async def _connect(visit: Visit, upstream: Upstream) -> UpstreamSocket:
    for name in _HANDSHAKE:
        visit.carried.popall(name, None)
    try:
        return await upstream.socket(
            "/ws" + visit.query_text(), visit.carried, visit.scope["subprotocols"]
        )
    except InvalidRequest:
        check_none(visit.scope["query_string"])  # the service's own message does not reach us
        raise
    except (Unavailable, UpstreamTimeout) as fault:
        log.warning(
            "the events service cannot be reached", reason=cause_text(fault.__cause__ or fault)
        )
        raise


async def _carry_in(receive: Receive, socket: UpstreamSocket) -> None:
    """Carry the client's frames to the service, and its close."""
    try:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = _sendable(message.get("code", 1005), 1000)
                return await socket.close(code, str(message.get("reason") or ""))
            text = message.get("text")
            await socket.send(message["bytes"] if text is None else text)
    except KasalError:
        return None  # the service is gone; the other direction sees it too and tells the client


async def _carry_out(socket: UpstreamSocket, send: Send) -> None:
    """Carry the service's frames to the client, no faster than it reads, and its close."""
    try:
        while True:
            message = await socket.receive()
            kind = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", kind: message})
    except SocketClosed as end:
        if not end.by_us:  # then it was the client
            code = _sendable(end.code, _RESTART)
            await send({"type": "websocket.close", "code": code, "reason": end.reason})


def _sendable(code: int | None, otherwise: int) -> int:
    return otherwise if code is None or code in _OWN_TO_THE_PROTOCOL else code
