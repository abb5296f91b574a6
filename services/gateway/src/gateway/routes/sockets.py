"""The WebSocket, passed through to the events service in both directions."""

import asyncio
import contextlib

import aiohttp
from starlette.types import Message, Receive, Send

from common.errors import KasalError, from_status
from common.logs import get_logger
from common.queries import check_none
from common.requests import unsaid
from gateway.routes.answers import failure
from gateway.routes.forwarding import Upstream
from gateway.routes.visit import Visit

log = get_logger(__name__)

_RESTART = 1012
"""What a client is told when the service behind is lost: come back (RFC 6455 registry)."""
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

    Raises a `KasalError` while the handshake is not answered.
    """
    await receive()  # websocket.connect
    socket = await _connected(visit, upstream)
    visit.status = 101
    inward: asyncio.Task[None] | None = None
    try:
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": socket.protocol,
                "headers": visit.extra,
            }
        )
        inward = asyncio.create_task(_inward(receive, socket))
        await _outward(socket, send)
        await inward  # it is told of the end too, and carries the client's own close
    except OSError:
        pass  # the client is gone
    finally:
        if inward is not None:
            inward.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await inward
        await socket.close(code=1001)


async def _connected(visit: Visit, upstream: Upstream) -> aiohttp.ClientWebSocketResponse[bool]:
    for name in _HANDSHAKE:
        visit.carried.popall(name, None)
    try:
        return await upstream.socket(
            "/ws" + visit.query_text(), visit.carried, visit.scope["subprotocols"]
        )
    except aiohttp.WSServerHandshakeError as fault:
        if fault.status == 400:  # its words do not reach us here
            check_none(visit.scope["query_string"])
        raise from_status(fault.status) from None
    except (aiohttp.ClientError, OSError) as fault:
        log.warning("the events service cannot be reached", reason=repr(fault))
        raise upstream.fault(fault) from None


async def _inward(receive: Receive, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
    """Carry the client's frames to the service, and its close."""
    try:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                reason = str(message.get("reason") or "").encode()
                await socket.close(code=_sendable(message.get("code", 1005), 1000), message=reason)
                return
            if message.get("text") is not None:
                await socket.send_str(message["text"])
            else:
                await socket.send_bytes(message["bytes"])
    except (aiohttp.ClientError, OSError):
        return  # the service is gone; the other direction sees it too and tells the client


async def _outward(socket: aiohttp.ClientWebSocketResponse[bool], send: Send) -> None:
    """Carry the service's frames to the client, no faster than it reads, and its close."""
    while True:
        frame = await socket.receive()
        if frame.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": frame.data})
        elif frame.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": frame.data})
        elif frame.type is aiohttp.WSMsgType.CLOSE:
            return await send(_close(_sendable(frame.data, _RESTART), str(frame.extra or "")))
        elif frame.type is aiohttp.WSMsgType.CLOSING:
            return None  # the client has closed
        else:
            return await send(_close(_RESTART, "The service restarts; come back."))


def _close(code: int, reason: str) -> Message:
    return {"type": "websocket.close", "code": code, "reason": reason}


def _sendable(code: int | None, otherwise: int) -> int:
    return otherwise if code is None or code in _OWN_TO_THE_PROTOCOL else code
