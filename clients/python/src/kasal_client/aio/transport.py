"""Requests to the platform: who speaks, what is sent again, and what a refusal becomes."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2

from kasal_client import io_async
from kasal_client.addresses import user_agent
from kasal_client.base import Model
from kasal_client.errors import (
    ApiError,
    ConnectionFailedError,
    RequestTimeoutError,
    UnauthorizedError,
    api_error,
)
from kasal_client.retries import RetryPolicy, is_repeatable, retry_after

from .credentials import AsyncCredentials

M = TypeVar("M", bound=Model)
Body = Callable[[], Any]
"""Makes the content of a request, anew for each attempt."""
LONGEST_ERROR = 1_000_000


@dataclass
class Outgoing:
    """A request, and what happened to it so far."""

    method: str
    path: str
    params: dict[str, Any]
    headers: dict[str, str] = field(repr=False)
    json: Any = field(repr=False)
    content: Body | None
    can_repeat: bool
    is_anonymous: bool
    read_timeout: float | None
    is_whole: bool = False
    """The body is read at once, so that an answer that breaks counts as lost."""
    is_spent_once: bool = False
    """The content can be read only once: whatever the answer is, it is not sent again."""
    was_lost: bool = False
    """An attempt may have arrived, and its answer did not."""


class AsyncTransport:
    """A connection to one platform as one caller. `base` ends with the version, such as `/api/v1`."""

    def __init__(
        self,
        base: str,
        credentials: AsyncCredentials,
        *,
        timeout: float,
        max_retries: int,
        transport: io_async.Transport | None = None,
    ) -> None:
        self.base = base
        self.credentials = credentials
        self.timeout = timeout
        self.policy = RetryPolicy(max_retries)
        self.http = io_async.HttpClient(
            transport=transport,
            timeout=httpx2.Timeout(timeout, connect=min(timeout, 10.0), pool=None),
            limits=httpx2.Limits(max_connections=500, max_keepalive_connections=20),
            headers={"User-Agent": user_agent(), "Accept": "application/json"},
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def post(self, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
        """Send `body` as whoever has `token`; credentials use it to get theirs."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = await self.send("POST", path, json=body, headers=headers, is_anonymous=True)
        answer: dict[str, Any] = self._json_of(response)
        return answer

    async def get(self, path: str, model: type[M], **options: Any) -> M:
        """Return the answer to a GET as `model`."""
        return model.model_validate(await self.json("GET", path, **options))

    async def json(self, method: str, path: str, **options: Any) -> Any:
        """Return the decoded answer, None if it is empty. `options` are those of `send`."""
        response = await self.send(method, path, **options)
        return self._json_of(response) if response.content else None

    async def create(
        self, path: str, body: Any, model: type[M], *, key: str | None = None, **options: Any
    ) -> M:
        """POST `body` with an idempotency key, so that it may be sent again, and return the answer."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4()), **options.pop("headers", {})}
        answer = await self.json("POST", path, json=body, headers=headers, **options)
        return model.model_validate(answer)

    async def send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request, again where that is safe, and return the whole answer.

        `options` are those of `stream`. Raises `ApiError` and `ConnectionFailedError`.
        """
        async with self.stream(method, path, is_whole=True, **options) as response:
            return response

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: Body | None = None,
        repeat: bool | None = None,
        is_anonymous: bool = False,
        read_timeout: float | None = None,
        is_whole: bool = False,
        is_spent_once: bool = False,
    ) -> AsyncIterator[httpx2.Response]:
        """Open an answer whose body the caller reads.

        `repeat` says whether the request may arrive twice; by default its method and its idempotency key do.
        """
        given = dict(headers or {})
        outgoing = Outgoing(
            method=method,
            path=path,
            params={key: value for key, value in (params or {}).items() if value is not None},
            headers=given,
            json=json,
            content=content,
            can_repeat=is_repeatable(method, given) if repeat is None else repeat,
            is_anonymous=is_anonymous,
            read_timeout=read_timeout,
            is_whole=is_whole,
            is_spent_once=is_spent_once,
        )
        response = await self._open(outgoing)
        try:
            yield response
        finally:
            await response.aclose()

    async def _open(self, outgoing: Outgoing) -> httpx2.Response:
        attempt, is_renewed = 0, outgoing.is_anonymous
        while True:
            token = "" if outgoing.is_anonymous else await self.credentials.token(self.post)
            outcome = await self._try(outgoing, token)
            if isinstance(outcome, httpx2.Response):
                return outcome
            if isinstance(outcome, UnauthorizedError) and not is_renewed:
                is_renewed = True
                if await self.credentials.renew(token, self.post) and not outgoing.is_spent_once:
                    continue
            wait = self._wait(outgoing, attempt, outcome)
            if wait is None:
                raise outcome
            attempt += 1
            await io_async.sleep(wait)

    async def _try(
        self, outgoing: Outgoing, token: str
    ) -> httpx2.Response | ApiError | ConnectionFailedError:
        """Send the request once; return the open answer, or what went wrong."""
        try:
            response = await self.http.send(
                self._request(outgoing, token), stream=not outgoing.is_whole
            )
        except httpx2.TransportError as fault:
            failure = self._failure(fault)
            outgoing.was_lost |= not failure.is_unsent
            return failure
        is_gone = outgoing.was_lost and outgoing.method == "DELETE" and response.status_code == 404
        if response.status_code < 300 or is_gone:
            return response
        try:
            if response.status_code < 400:
                raise self._stranger(f"{response.status_code}, for {_target(response)}")
            return await _refusal(response)
        finally:
            await response.aclose()

    def _request(self, outgoing: Outgoing, token: str) -> httpx2.Request:
        identity = {"Authorization": f"Bearer {token}"} if token else {}
        request = self.http.build_request(
            outgoing.method,
            self.base + outgoing.path,
            params=outgoing.params,
            headers={**outgoing.headers, **identity},
            json=outgoing.json,
            content=None if outgoing.content is None else outgoing.content(),
        )
        if outgoing.read_timeout is not None:
            request.extensions["timeout"] |= {"read": outgoing.read_timeout}
        return request

    def _wait(
        self, outgoing: Outgoing, attempt: int, fault: ApiError | ConnectionFailedError
    ) -> float | None:
        if isinstance(fault, ConnectionFailedError):
            can_repeat = outgoing.can_repeat or fault.is_unsent
            return self.policy.wait(attempt, is_repeatable=can_repeat)
        if outgoing.is_spent_once:
            return None
        return self.policy.wait(
            attempt,
            is_repeatable=outgoing.can_repeat,
            status=fault.status,
            asked=fault.retry_after,
        )

    def _json_of(self, response: httpx2.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            kind = response.headers.get("Content-Type") or "no type"
            raise self._stranger(f"{response.status_code}, with {kind}") from None

    def _stranger(self, answer: str) -> ConnectionFailedError:
        """Return what to raise if something else than a platform answers."""
        return ConnectionFailedError(
            f"{self.base} answers, but not as a platform does ({answer}): check the address (KASAL_URL)."
        )

    def _failure(self, fault: httpx2.TransportError) -> ConnectionFailedError:
        said = str(fault) or type(fault).__name__
        is_unsent = isinstance(fault, httpx2.ConnectError | httpx2.ConnectTimeout)
        if isinstance(fault, httpx2.TimeoutException):
            return RequestTimeoutError(
                f"{self.base} did not answer within {self.timeout:g} s ({said}).",
                is_unsent=is_unsent,
            )
        return ConnectionFailedError(
            f"{self.base} cannot be reached ({said}): check the address (KASAL_URL) and that the platform runs.",
            is_unsent=is_unsent,
        )


def _target(response: httpx2.Response) -> str:
    return response.headers.get("Location", "nowhere")[:200]


async def _refusal(response: httpx2.Response) -> ApiError:
    body = b""
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LONGEST_ERROR:
                break
        decoded = httpx2.Response(200, content=body).json()
    except (ValueError, httpx2.TransportError):
        decoded = None
    return api_error(
        response.status_code,
        decoded,
        request_id=response.headers.get("X-Request-ID", ""),
        retry_after=retry_after(response.headers),
    )
