"""The `mcp` library's way out over HTTP: its requests go through aiohttp, which connects where users may.

The library decides about redirects: it follows them within the server's origin only, and each request
that follows one passes here again.
"""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp
import httpx2
from yarl import URL

from common.mcp.bounds import CALL, CALL_METHOD, OTHER, Bounds, Measure
from common.security.outgoing import ADVICE, REFUSED, OutgoingGuard, public_socket

_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_DECODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_AGENT = "Kasal (mcp)"
_PIECE = 64 * 1024
_RESUMES = "last-event-id"
_BLANK = re.compile(rb"(?:\n\r?\n|\r\r)[\r\n]*")
"""Ends an event, with each of the line ends that the standard allows (HTML, 9.2.5)."""
_LINE_ENDS = re.compile(rb"[\r\n]{0,2}\Z")
UNSENT, LOST = -32_098, -32_097
"""Codes of our own for requests that never reached the server, and for those whose answer never came."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of one connection: seconds to connect, and how much an answer holds."""

    connect: float = 10.0
    stream: int = 64 * 1024 * 1024
    """Bytes of the one answer that carries all others as its events, with the transport `sse`."""
    call: Bounds = CALL
    other: Bounds = OTHER


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Sends requests to public addresses, and to hosts that the operator allows.

    `listens` says that a GET carries the server's answers (`sse`); otherwise a GET only resumes a broken one.
    """

    def __init__(self, guard: OutgoingGuard, limits: HttpLimits, *, listens: bool) -> None:
        self._guard = guard
        self._limits = limits
        self._listens = listens
        self._calls = False
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        listening = request.method == "GET" and self._listens
        if request.method == "GET" and not listening and _RESUMES not in request.headers:
            # What servers say unasked is not read: their lists are cached by time, and calls carry their answers.
            return httpx2.Response(405, request=request)
        calls = CALL_METHOD in await request.aread()
        self._calls = self._calls or calls
        try:
            answer = await self._send(request)
        except aiohttp.ClientConnectorDNSError:
            return self._failure(request, UNSENT, "its host cannot be found")
        except aiohttp.ClientConnectorError as fault:
            inside = REFUSED in str(fault.os_error)
            reason = ADVICE if inside else "its host cannot be reached"
            return self._failure(request, UNSENT, reason)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as fault:
            reason = f"it closed the connection without an answer ({type(fault).__name__})"
            return self._failure(request, LOST, reason)
        return httpx2.Response(
            answer.status,
            headers=[
                (name, value)
                for name, value in answer.headers.items()
                if name.lower() not in _DECODED
            ],
            stream=self.stream(answer) if listening else _Body(answer, self._bounds(calls=calls)),
            request=request,
        )

    def stream(self, answer: aiohttp.ClientResponse) -> "_Events":
        """Return the body that carries the answers to all requests of this connection."""
        return _Events(answer, lambda: self._bounds(calls=self._calls), self._limits.stream)

    def _bounds(self, *, calls: bool) -> Bounds:
        return self._limits.call if calls else self._limits.other

    def _failure(self, request: httpx2.Request, code: int, reason: str) -> httpx2.Response:
        """Return an answer that fails this request only: an exception would end the whole connection."""
        if request.method == "GET":
            raise httpx2.ConnectError(reason, request=request)
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": reason}}
        return httpx2.Response(502, json=error, request=request)

    async def _send(self, request: httpx2.Request) -> aiohttp.ClientResponse:
        body = await request.aread()
        url = URL(str(request.url), encoded=True)
        session = self._session(self._guard.allows(str(url.host), url.port or 0))
        return await session.request(
            request.method,
            url,
            headers=[
                (name, value)
                for name, value in request.headers.multi_items()
                if name.lower() not in _OURS
            ],
            data=body or None,
            allow_redirects=False,
        )

    def _session(self, allowed: bool) -> aiohttp.ClientSession:
        if allowed not in self._sessions:
            self._sessions[allowed] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=32, socket_factory=None if allowed else public_socket
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": _AGENT, "Accept-Encoding": "gzip, deflate"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect),
                trust_env=False,
            )
        return self._sessions[allowed]

    async def aclose(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, within `bounds`."""

    def __init__(self, answer: aiohttp.ClientResponse, bounds: Bounds) -> None:
        self._answer = answer
        self._bounds = bounds
        self._measure = Measure()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._answer.content.iter_any():
                for start in range(0, len(piece), _PIECE):
                    part = piece[start : start + _PIECE]
                    self._check(part)
                    yield part
        except (aiohttp.ClientError, OSError, ValueError):
            raise httpx2.StreamError("it broke off") from None

    def _check(self, piece: bytes) -> None:
        self._measure.add(piece)
        excess = self._measure.excess(self._bounds)
        if excess is not None:
            raise httpx2.StreamError(excess)

    async def aclose(self) -> None:
        self._answer.close()


class _Events(_Body):
    """A body of up to `most` bytes whose events are answers: each is within the bounds that hold when it comes."""

    def __init__(
        self, answer: aiohttp.ClientResponse, bounds: Callable[[], Bounds], most: int
    ) -> None:
        super().__init__(answer, bounds())
        self._bounds_now = bounds
        self._most = most
        self._read = 0
        self._before = b""
        """Line ends at the end of what came before."""

    def _check(self, piece: bytes) -> None:
        self._read += len(piece)
        if self._read > self._most:
            raise httpx2.StreamError(f"it is longer than {self._most} bytes")
        self._bounds = self._bounds_now()
        first, *others = _BLANK.split(self._before + piece)
        super()._check(first)
        for event in others:
            self._measure = Measure()
            super()._check(event)
        ends = _LINE_ENDS.search(self._before + piece[-2:])
        self._before = b"" if ends is None else ends.group()
