"""One request at the door: what its headers say, what is passed on, and what is logged."""

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from multidict import CIMultiDict
from starlette.types import Scope

from common.door.presentation import HEADERS
from common.errors import InvalidRequest
from common.web.requests import take_request_id

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""RFC 9110, section 7.6.1, and what older clients send."""

_READ_HERE = HEADERS | frozenset(
    {
        b"accept",
        b"access-control-request-headers",
        b"access-control-request-method",
        b"connection",
        b"content-length",
        b"host",
        b"if-none-match",
        b"origin",
        b"traceparent",
        b"transfer-encoding",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-request-id",
    }
)
_NOT_CARRIED = _HOP_BY_HOP | {
    # Set anew for the service, or meant for this connection alone.
    b"content-length",
    b"expect",
    b"host",
    b"traceparent",
    b"x-request-id",
    # Says where a request comes from or who sent it: only the gateway may say that.
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-prefix",
    b"x-forwarded-proto",
    b"x-real-ip",
    b"true-client-ip",
    b"x-client-ip",
    # Would change what is requested.
    b"x-http-method-override",
    b"x-method-override",
    b"x-original-url",
    b"x-rewrite-url",
}
_NOT_CARRIED_PREFIXES = (b"x-kasal-", b"x-auth-", b"x-user", b"x-workspace", b"x-role")


class Visit:
    """A request while it is being served. `extra` are headers for its answer, whatever that is."""

    __slots__ = (
        "_read_here",
        "accept",
        "carried",
        "extra",
        "method",
        "path",
        "peer",
        "request_id",
        "route",
        "scope",
        "span",
        "started",
        "status",
        "traceparent",
        "unreadable",
        "workspace_id",
    )

    def __init__(self, scope: Scope) -> None:
        self.started = time.perf_counter()
        self.scope = scope
        self.method: str = scope.get("method", "GET")
        self.path: str = scope["path"]
        client = scope.get("client")
        self.peer: str | None = client[0] if client else None
        self._read_here: dict[bytes, list[bytes]] = {}
        self.carried: CIMultiDict[str] = CIMultiDict()
        self.status = 0
        self.route = ""
        self.workspace_id = ""
        self.traceparent = ""
        self.span: Any = None
        self._read(scope["headers"])
        self.accept = self.header(b"accept")
        self.request_id = take_request_id(self.header(b"x-request-id"))
        self.extra: list[tuple[bytes, bytes]] = [(b"x-request-id", self.request_id.encode())]

    def _read(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        read_here, carried, unreadable = self._read_here, self.carried, ""
        for name, value in headers:
            if name in _READ_HERE:
                read_here.setdefault(name, []).append(value)
            if name in _NOT_CARRIED or name.startswith(_NOT_CARRIED_PREFIXES):
                continue
            try:
                carried.add(name.decode("ascii"), value.decode())
            except UnicodeDecodeError:
                unreadable = name.decode("ascii", "replace")
        for value in read_here.get(b"connection", ()):
            for named in value.decode("latin-1").split(","):
                carried.popall(named.strip(), None)
        self.unreadable = unreadable

    def header(self, name: bytes) -> str:
        """Return a header that is read at the door; an empty text when it is missing."""
        values = self._read_here.get(name)
        return values[0].decode("latin-1") if values else ""

    def headers(self, name: bytes) -> list[str]:
        """Return all values of a header that is read at the door."""
        return [value.decode("latin-1") for value in self._read_here.get(name, ())]

    def check(self) -> None:
        """Raise `InvalidRequest` when a header cannot be passed on as it is."""
        if self.unreadable:
            raise InvalidRequest(
                f"The header {self.unreadable} is not UTF-8 text.",
                field=self.unreadable,
                reason="It is not UTF-8 text.",
            )

    def query_text(self) -> str:
        """Return `?` and the query as it came, or an empty text."""
        query: bytes = self.scope["query_string"]
        if not query:
            return ""
        # Bytes that have no place in a URL are escaped, once; escapes stay as they are.
        return "?" + (
            query.decode("ascii")
            if query.isascii()
            else quote(query, safe="%!$&'()*+,/:;=?@-._~[]")
        )


def kept_of_answer(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a service's answer that the client gets."""
    kept = []
    dropped: frozenset[bytes] | set[bytes] = _NOT_ANSWERED
    for name, value in headers:
        if name.lower() == b"connection":
            named = {part.strip().lower() for part in value.split(b",")}
            dropped = _NOT_ANSWERED | named
    for name, value in headers:
        lowered = name.lower()
        if lowered not in dropped:
            kept.append((lowered, value))
    return kept


_NOT_ANSWERED = _HOP_BY_HOP | {b"date", b"server", b"x-request-id"}
