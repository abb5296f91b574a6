"""Calls from one service to another over HTTP or a Unix socket, and the service tokens for them."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import aiohttp
import orjson
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from structlog.contextvars import get_contextvars

from common.errors import KasalError, Unavailable, UpstreamTimeout, from_status
from common.telemetry import Telemetry, inject, is_traced

_RENEW_BEFORE = 60.0
"""Seconds before its end that a service token is replaced."""


def connector(url: str, limit: int = 200) -> tuple[aiohttp.BaseConnector, str]:
    """Return a connector for `url` and the base URL to ask it for.

    `unix:///folder/auth.sock` is a Unix socket; anything else is an ordinary HTTP address.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return aiohttp.UnixConnector(path=unquote(parts.path), limit=limit), "http://localhost"
    return aiohttp.TCPConnector(limit=limit), url.rstrip("/")


class ServiceClient:
    """A peer service. Errors it answers with are raised here as the same `KasalError`.

    Raises `Unavailable` when it cannot be reached and `UpstreamTimeout` when it does not answer
    within `timeout` seconds. With `telemetry`, a call made within a recorded span has a span too.
    """

    def __init__(
        self, name: str, url: str, timeout: float = 10.0, telemetry: Telemetry | None = None
    ) -> None:
        self.name = name
        self._url = url
        self._timeout = timeout
        self._telemetry = telemetry
        self._session: aiohttp.ClientSession | None = None
        self._base = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            link, self._base = connector(self._url)
            self._session = aiohttp.ClientSession(
                connector=link,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                auto_decompress=False,
            )
        return self._session

    async def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one request and return the decoded JSON answer (None for an empty one)."""
        body = None if json is None else orjson.dumps(json)
        with self._observed(method, path) as span:
            carried = {**_context_headers(), **(headers or {})}
            if token is not None:
                carried["Authorization"] = f"Bearer {token}"
            if body is not None:
                carried["Content-Type"] = "application/json"
            status, raw = await self._sent(method, path, params, carried, body)
            if span is not None:
                span.set_attribute("http.response.status_code", status)
                if status >= 400:
                    span.set_status(Status(StatusCode.ERROR))
        return _decoded(self.name, status, raw)

    async def _sent(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> tuple[int, bytes]:
        session = self._open()
        try:
            async with session.request(
                method, self._base + path, data=body, params=params, headers=headers
            ) as answer:
                return answer.status, await answer.read()
        except TimeoutError:
            raise UpstreamTimeout(f"The service {self.name} did not answer in time.") from None
        except (aiohttp.ClientError, OSError):
            raise Unavailable(f"The service {self.name} cannot be reached.") from None

    @contextmanager
    def _observed(self, method: str, path: str) -> Iterator[Span | None]:
        # Outside of any span, a call is a poll or a service's own upkeep: that begins no trace.
        if self._telemetry is None or not self._telemetry.recording or not is_traced():
            yield None
            return
        facts = {"http.request.method": method, "url.path": path, "service.peer.name": self.name}
        with self._telemetry.tracer.start_as_current_span(
            f"{method} {self.name}", kind=SpanKind.CLIENT, attributes=facts
        ) as span:
            yield span


def _context_headers() -> dict[str, str]:
    headers: dict[str, str] = {}
    inject(headers)
    request_id = get_contextvars().get("request_id")
    if request_id:
        headers["X-Request-ID"] = str(request_id)
    return headers


def _decoded(name: str, status: int, raw: bytes) -> Any:
    try:
        body = orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        raise Unavailable(f"The service {name} answered {status} with no JSON.") from None
    if status >= 400:
        raise from_status(status, body)
    return body


class ServiceTokens:
    """Service JWTs for calls with no request behind them: one per workspace, renewed in time."""

    def __init__(self, auth: ServiceClient, service: str, secret: str) -> None:
        self._auth = auth
        self._service = service
        self._secret = secret
        self._tokens: dict[str, tuple[str, float]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def token(self, workspace_id: str) -> str:
        """Return a token for `workspace_id`. Raises `Unavailable` when auth cannot be reached."""
        held = self._held(workspace_id)
        if held is not None:
            return held
        async with self._locks.setdefault(workspace_id, asyncio.Lock()):
            return self._held(workspace_id) or await self._renew(workspace_id)

    def _held(self, workspace_id: str) -> str | None:
        token, until = self._tokens.get(workspace_id, ("", 0.0))
        return token if until > time.monotonic() else None

    async def _renew(self, workspace_id: str) -> str:
        try:
            answer = await self._auth.request(
                "POST",
                "/internal/tokens/service",
                json={"service": self._service, "workspace_id": workspace_id},
                headers={"X-Kasal-Service-Secret": self._secret},
            )
        except Unavailable:
            raise
        except KasalError as fault:
            raise Unavailable(f"Auth gave no service token: {fault.message}") from fault
        now = time.monotonic()
        for stale in [w for w, (_, until) in self._tokens.items() if until <= now]:
            self._tokens.pop(stale, None)
            self._locks.pop(stale, None)
        until = now + float(answer["expires_in"]) - _RENEW_BEFORE
        self._tokens[workspace_id] = (str(answer["access_token"]), until)
        return str(answer["access_token"])
