"""Calls from one service to another over HTTP or a Unix socket, and the tokens for them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import unquote, urlsplit

import aiohttp
import orjson
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from pydantic import BaseModel, ValidationError
from structlog.contextvars import get_contextvars

from common.errors import KasalError, Unavailable, UpstreamTimeout, from_status
from common.telemetry import Telemetry, inject, is_traced

_RENEW_BEFORE = 60.0
"""Seconds before its expiry at which a service token is renewed."""
_REST = 1.0
"""Seconds for which an unreachable address is tried last."""
READING = frozenset({"GET", "HEAD"})
"""Methods of requests that change nothing and may be repeated."""

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)


def connector(url: str, limit: int = 200) -> tuple[aiohttp.BaseConnector, str]:
    """Return a connector for `url` and the base URL of its requests.

    `unix:///folder/auth.sock` is a Unix socket; anything else is an ordinary HTTP address.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return aiohttp.UnixConnector(path=unquote(parts.path), limit=limit), "http://localhost"
    return aiohttp.TCPConnector(limit=limit), url.rstrip("/")


class Address:
    """One address of a service, and the connections to it."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base
        self.rests_until = 0.0


class Addresses:
    """The addresses of a service: one, or one per process, separated by commas.

    Requests go to them in turn. For a while after a failure, an address is tried last. `session` creates
    an address's client session from its connector when it is first needed.
    """

    def __init__(
        self,
        urls: str,
        session: Callable[[aiohttp.BaseConnector], aiohttp.ClientSession],
        connections: int = 200,
    ) -> None:
        self._urls = [url.strip() for url in urls.split(",") if url.strip()]
        self._session = session
        self._connections = connections
        self._held: list[Address] = []
        self._turn = 0

    def open(self) -> None:
        """Create the sessions, unless they exist. Needs a running loop."""
        if not self._held:
            for url in self._urls:
                link, base = connector(url, self._connections)
                self._held.append(Address(self._session(link), base))

    async def close(self) -> None:
        held, self._held = self._held, []
        for address in held:
            await address.session.close()

    async def ask(self, request: Callable[[Address], Awaitable[T]], *, repeatable: bool) -> T:
        """Send a request to the next address, and to another one if nothing was sent to the first.

        A `repeatable` request is also repeated when its connection broke. Raises what aiohttp raises
        once no address is left.
        """
        self.open()
        fault: Exception | None = None
        for address in self._in_turn():
            try:
                return await request(address)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as unreachable:
                fault = unreachable
            except TimeoutError:
                self._rest(address)
                raise
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as broken:
                if not repeatable:
                    raise
                fault = broken
            self._rest(address)
        raise fault or aiohttp.ClientConnectionError("There is no address.")

    @staticmethod
    def _rest(address: Address) -> None:
        address.rests_until = time.monotonic() + _REST

    def _in_turn(self) -> list[Address]:
        if len(self._held) == 1:
            return self._held
        self._turn = (self._turn + 1) % len(self._held)
        turned = self._held[self._turn :] + self._held[: self._turn]
        now = time.monotonic()
        return sorted(turned, key=lambda address: max(0.0, address.rests_until - now))


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """A raw answer: status, media type and bytes."""

    status: int
    content_type: str
    body: bytes


class ServiceClient:
    """A peer service. Its error answers are raised here as the same `KasalError`.

    `url` is one address or several, as in `Addresses`.

    Raises `Unavailable` when it cannot be reached and `UpstreamTimeout` when it does not answer
    within `timeout` seconds. With `telemetry`, a call inside a recorded span gets a span too.
    """

    def __init__(
        self, name: str, url: str, timeout: float = 10.0, telemetry: Telemetry | None = None
    ) -> None:
        self.name = name
        self._timeout = timeout
        self._telemetry = telemetry
        self._addresses = Addresses(url, self._session)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._addresses.close()

    def _session(self, link: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=link,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            auto_decompress=False,
        )

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
        """Send a request and return the decoded JSON answer, None if it is empty."""
        answer = await self.exchange(
            method, path, token=token, json=json, params=params, headers=headers
        )
        return _decode(self.name, answer)

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawAnswer:
        """Send a request and return the raw answer. A status of 400 or more is raised."""
        body = None if json is None else orjson.dumps(json)
        with self._span(method, path) as span:
            carried = {**_context_headers(), **(headers or {})}
            if token is not None:
                carried["Authorization"] = f"Bearer {token}"
            if body is not None:
                carried["Content-Type"] = "application/json"
            answer = await self._send(method, path, params, carried, body)
            if span is not None:
                span.set_attribute("http.response.status_code", answer.status)
                if answer.status >= 400:
                    span.set_status(Status(StatusCode.ERROR))
        if answer.status >= 400:
            raise from_status(answer.status, _decode(self.name, answer))
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> RawAnswer:
        async def once(address: Address) -> RawAnswer:
            async with address.session.request(
                method, address.base + path, data=body, params=params, headers=headers
            ) as answer:
                return RawAnswer(answer.status, answer.content_type, await answer.read())

        try:
            return await self._addresses.ask(once, repeatable=method in READING)
        except TimeoutError as fault:
            raise UpstreamTimeout(f"The service {self.name} did not answer in time.") from fault
        except (aiohttp.ClientError, OSError) as fault:
            raise Unavailable(f"The service {self.name} cannot be reached.") from fault

    @contextmanager
    def _span(self, method: str, path: str) -> Iterator[Span | None]:
        # A call outside of any span is a poll or housekeeping, which starts no trace.
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


def _decode(name: str, answer: RawAnswer) -> Any:
    try:
        return orjson.loads(answer.body) if answer.body else None
    except orjson.JSONDecodeError:
        raise Unavailable(f"The service {name} answered {answer.status} without JSON.") from None


def model_from_answer(kind: type[ModelT], answer: Any, service: str) -> ModelT:
    """Return the decoded `answer` of a service as `kind`. Raises `Unavailable` if it does not fit."""
    try:
        return kind.model_validate(answer)
    except ValidationError as fault:
        expected = kind.__name__.strip("_")
        raise Unavailable(
            f"The service {service} answered with no {expected}: {fault.error_count()} errors."
        ) from fault


class ServiceTokens:
    """Service JWTs for calls that no user's request causes: one per workspace, renewed in time."""

    def __init__(self, auth: ServiceClient, service: str, secret: str) -> None:
        self._auth = auth
        self._service = service
        self._secret = secret
        self._tokens: dict[str, tuple[str, float]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def token(self, workspace_id: str) -> str:
        """Return a token for `workspace_id`. Raises `Unavailable` when auth cannot be reached."""
        held = self._valid_token(workspace_id)
        if held is not None:
            return held
        async with self._locks.setdefault(workspace_id, asyncio.Lock()):
            return self._valid_token(workspace_id) or await self._renew(workspace_id)

    def _valid_token(self, workspace_id: str) -> str | None:
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
