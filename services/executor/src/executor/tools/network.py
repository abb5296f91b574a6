"""The tools' only way out: an HTTP client that connects to public addresses only.

It checks an address when it makes the socket, after every look-up and for every redirect, so that
neither a name that changes its address nor a redirect leads inside. Hosts that the operator allows
(`KASAL_TOOL_ALLOWED_HOSTS`) may be anywhere.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import aiohttp
from yarl import URL

from common.security.outgoing import ADVICE, REFUSED, OutgoingGuard, public_socket
from executor.tools import texts
from executor.tools.tool import ToolFault

_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_AGENT = "Kasal (tool)"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request. The headers in `secrets` are sent to the first origin only."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer. `cut` says that `body` is only the beginning of it."""

    status: int
    kind: str
    charset: str
    body: bytes
    cut: bool

    def text(self) -> str:
        """Return the body as text."""
        return texts.decode_page(self.body, self.charset, self.kind)

    def binary(self) -> str | None:
        """Return what the body is, with its size, or None if it is text."""
        return texts.describe_binary(self.body, self.kind, self.charset)


class GuardedClient:
    """Sends tools' requests. `timeout` (seconds) includes redirects; `size` is in bytes."""

    def __init__(
        self, allowed_hosts: Iterable[str] = (), timeout: float = 20.0, size: int = 1024 * 1024
    ) -> None:
        self._guard = OutgoingGuard(allowed_hosts)
        self._timeout = timeout
        self._size = size
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def send(self, request: Outgoing) -> Incoming:
        """Send `request`, follow redirects and return the last answer. Raises `ToolFault`."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(request)
        except TimeoutError:
            raise ToolFault(f"no answer within {self._timeout:g} s.") from None
        except aiohttp.InvalidURL:
            raise ToolFault(f"{_without_query(request.url)} is not a valid address.") from None
        except aiohttp.ClientConnectorDNSError:
            raise ToolFault(f"the host of {_without_query(request.url)} cannot be found.") from None
        except aiohttp.ClientConnectorError as fault:
            refused = REFUSED in str(fault.os_error)
            reason = ADVICE if refused else "its host cannot be reached"
            raise ToolFault(f"{_without_query(request.url)}: {reason}.") from None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise ToolFault(f"{_without_query(request.url)}: {_reason(fault)}.") from None

    async def _follow(self, request: Outgoing) -> Incoming:
        for _ in range(_REDIRECTS + 1):
            url = self._parse_url(request.url)
            async with self._session(self._guard.allows(str(url.host), url.port or 0)).request(
                request.method,
                url,
                headers={**request.headers, **request.secrets},
                data=request.body,
                allow_redirects=False,
            ) as answer:
                place = answer.headers.get("Location")
                if answer.status not in _MOVED or place is None:
                    return await self._read(answer)
                request = _redirect(request, url, answer.status, place)
        raise ToolFault(f"more than {_REDIRECTS} redirects.")

    def _parse_url(self, address: str) -> URL:
        try:
            url = URL(address)
        except ValueError:
            raise ToolFault(f"{_without_query(address)} is not a URL.") from None
        if url.scheme not in {"http", "https"} or not url.host:
            raise ToolFault(f"{_without_query(address)} is not an http or https URL.")
        if url.user is not None or url.password is not None:
            raise ToolFault("a URL must not carry a name or password.")
        return url

    def _session(self, allowed: bool) -> aiohttp.ClientSession:
        if allowed not in self._sessions:
            self._sessions[allowed] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=100, socket_factory=None if allowed else public_socket
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": _AGENT, "Accept-Encoding": "gzip, deflate"},
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                trust_env=False,
            )
        return self._sessions[allowed]

    async def _read(self, answer: aiohttp.ClientResponse) -> Incoming:
        body = bytearray()
        async for piece in answer.content.iter_chunked(64 * 1024):
            body += piece
            if len(body) > self._size:
                break
        cut = len(body) > self._size
        if cut:
            answer.close()
        return Incoming(
            answer.status,
            answer.content_type,
            answer.charset or "",
            bytes(body[: self._size]),
            cut,
        )


def _redirect(request: Outgoing, url: URL, status: int, place: str) -> Outgoing:
    """Return the request that follows a redirect.

    Another origin gets neither secrets nor the tool's own headers, only those that every call sends.
    """
    try:
        target = url.join(URL(place))
    except ValueError:
        raise ToolFault("it redirects to something that is not a URL.") from None
    moved = replace(request, url=str(target))
    if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
        kept = {"content-type", "accept", "idempotency-key"}
        headers = {name: value for name, value in request.headers.items() if name.lower() in kept}
        moved = replace(moved, headers=headers, secrets={})
    if status == 303 or (status in {301, 302} and request.method == "POST"):
        moved = replace(moved, method="GET", body=None)
    return moved


def _reason(fault: Exception) -> str:
    """Return in words how a request failed after it reached its host."""
    if isinstance(fault, aiohttp.ServerDisconnectedError):
        return "it closed the connection without an answer"
    if isinstance(fault, aiohttp.ClientPayloadError):
        return "its answer broke off, or is not in the Content-Encoding that it names"
    if isinstance(fault, aiohttp.ClientResponseError):
        return "its answer is not HTTP, or in a Content-Encoding that was not asked for"
    return type(fault).__name__


def _without_query(address: str) -> str:
    """Return a URL without its query, which may contain secrets."""
    return address.partition("?")[0][:200]
