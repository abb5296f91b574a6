"""HTTP/1.1 by uvicorn, hardened against hostile clients.

Invalid and ambiguous requests are answered with the envelope like everything else. The size of a request's
head is limited, however it is split. Trailers are dropped. A request must arrive within a minute, or bring
a mebibyte of its body in each, as large files do. Only a handshake that the WebSocket protocol can read is passed to it; the application refuses any other.
"""

import asyncio
import binascii
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from common.errors import InvalidRequest, KasalError, PayloadTooLarge, UpstreamTimeout, envelope
from common.ids import new_id
from common.logs import get_logger
from common.web.requests import unsaid
from common.web.slow_clients import Flow

log = get_logger(__name__)

_LARGEST_HEAD = 65_536
_MOST_HEADERS = 256
_ONCE = frozenset({b"host", b"content-length", b"transfer-encoding", b"content-type"})
"""Headers that would be ambiguous if there were two (RFC 9110, section 5.3; RFC 9112, 3.2, 6.3)."""
_AROUND = 4
"""Bytes of a header line besides its name and value: colon, space, line break."""
_WITHIN = 60.0
"""Seconds from a request's first byte (for the first request, from the connection's start) to its last."""
_BRINGS = 1_048_576
"""Bytes of its body that a request which takes longer must bring in each such time."""
_HANDSHAKE_LINE = 8_000
_HANDSHAKE_LINES = 120
"""The parser of websockets accepts a little more; beyond that it fails without an answer."""


class _Unfit(Exception):  # noqa: N818 - it says what the head is
    """Raised through the parser, which then stops: the request is refused."""


class Protocol(Flow, HttpToolsProtocol):
    """One connection. Refuses by itself what never becomes a request."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = False
        self._arriving = False
        self._head = 0
        self._brought = 0  # bytes of the body since the deadline was set
        self._silent = 0  # bytes since the parser last completed an element
        self._fault: tuple[int, KasalError] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(_WITHIN, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        super().connection_lost(exc)
        self._on_time()

    def data_received(self, data: bytes) -> None:
        """Parse the data; check the size of the head and the deadline."""
        self._silent += len(data)
        super().data_received(data)
        if self._arriving and self._silent > _LARGEST_HEAD:  # an endless line or trailer
            self._refuse(*_TOO_LARGE_HEAD)
        if not self._arriving:
            self._on_time()
        elif self._deadline is None and not self.transport.is_closing():
            self._set_deadline()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = self._arriving = True
        self._head = 0

    def on_url(self, url: bytes) -> None:
        """A part of the target has arrived."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line has arrived. A trailer, behind the body, is dropped.

        Headers that identify the caller or describe the body must precede it (RFC 9110, section 6.5.1).
        """
        if self._in_head:
            super().on_header(name, value)
            self._count(len(name) + len(value) + _AROUND)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > _LARGEST_HEAD or len(self.headers) > _MOST_HEADERS:
            self._unfit(*_TOO_LARGE_HEAD)

    def _unfit(self, status: int, error: KasalError) -> None:
        self._fault = (status, error)
        raise _Unfit

    def on_headers_complete(self) -> None:
        """The head is complete."""
        reason = ambiguity(self.parser.get_http_version(), self.headers)
        if reason:
            self._unfit(400, InvalidRequest(f"The request is ambiguous: {reason}."))
        if not self.url.startswith(b"/"):
            self._take_host()
        super().on_headers_complete()
        self._in_head = False
        self._silent = 0

    def _take_host(self) -> None:
        """For a target in absolute form use its host instead of `Host` (RFC 9112, section 3.2.2)."""
        host = self.url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0].lower()
        if host:
            self.headers[:] = [line for line in self.headers if line[0] != b"host"]
            self.headers.append((b"host", host))

    def on_body(self, body: bytes) -> None:
        """A part of the body has arrived."""
        self._silent = 0
        self._brought += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        super().on_message_complete()
        self._arriving = False
        self._silent = 0

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._in_head = self._arriving = False
        super().handle_websocket_upgrade()

    def _should_upgrade(self) -> bool:
        return super()._should_upgrade() and is_handshake(self.parser.get_method(), self.headers)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        """Answer a request that is not HTTP or was rejected."""
        self._refuse(*(self._fault or _NOT_HTTP))

    def _on_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _set_deadline(self) -> None:
        self._brought = 0
        self._deadline = self.loop.call_later(_WITHIN, self._too_slow)

    def _too_slow(self) -> None:
        self._deadline = None
        if self._brought >= _BRINGS or self.flow.read_paused:  # it is large, or we are slow
            self._set_deadline()
        elif not self.transport.is_closing():
            self._refuse(408, UpstreamTimeout(f"The request took longer than {_WITHIN:.0f} s."))

    def _refuse(self, status: int, error: KasalError) -> None:
        """Answer and close; only close if another answer is due or has begun."""
        self._arriving = self._in_head = False
        if self._is_next_to_answer() and not self.transport.is_closing():
            self.transport.write(self._answer(status, error))
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _is_next_to_answer(self) -> bool:
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        return cycle.more_body and not (cycle.response_started or self.pipeline)

    def _answer(self, status: int, error: KasalError) -> bytes:
        request_id = new_id("req")
        log.info("a request was refused", status=status, reason=error.message, id=request_id)
        body = orjson.dumps(envelope(error, request_id))
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        headers += unsaid(headers)
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        return STATUS_LINE[status] + lines + b"\r\n" + body


_NOT_HTTP = (400, InvalidRequest("This is not a well-formed HTTP request."))
_TOO_LARGE_HEAD = (
    431,
    PayloadTooLarge(f"The head is larger than {_LARGEST_HEAD} bytes or {_MOST_HEADERS} lines."),
)


def ambiguity(version: str, headers: list[tuple[bytes, bytes]]) -> str:
    """Return why two readers could understand a head differently, or an empty string."""
    held: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _ONCE:
            if name in held:
                return f"there are two {name.decode()} headers"
            held[name] = value
    host = held.get(b"host", b"")
    if version == "1.1" and (b"host" not in held or b"," in host or b" " in host):
        return "it needs one Host header with one host"
    if held.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        return "the only Transfer-Encoding is chunked"
    if version != "1.1" and b"transfer-encoding" in held:
        return "there is no Transfer-Encoding before HTTP/1.1"
    return ""


def is_handshake(method: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
    """Return whether a request is an opening handshake by RFC 6455, section 4.2.1."""
    if method != b"GET" or len(headers) > _HANDSHAKE_LINES:
        return False
    if any(len(name) + len(value) > _HANDSHAKE_LINE for name, value in headers):
        return False
    versions = [value for name, value in headers if name == b"sec-websocket-version"]
    keys = [value for name, value in headers if name == b"sec-websocket-key"]
    return versions == [b"13"] and len(keys) == 1 and _is_key(keys[0])


def _is_key(key: bytes) -> bool:
    try:
        return len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except binascii.Error:
        return False
