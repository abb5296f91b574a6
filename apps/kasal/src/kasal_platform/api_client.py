"""A client of the platform's public API: a token, JSON over HTTP, and a job's events over a WebSocket.

The demo uses it, and so do tests and benches.
"""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from common.contracts.event_json import read_any_event
from common.contracts.events import TERMINAL_EVENTS, Event


@dataclass(frozen=True)
class ApiResponse:
    """A response: the status, the headers (case-insensitive) and the raw body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the decoded body, None if it is empty."""
        return orjson.loads(self.body) if self.body else None


class ApiError(Exception):
    """The platform refused a request."""

    def __init__(self, request: str, response: ApiResponse) -> None:
        super().__init__(f"{request}: {response.status} {response.body.decode(errors='replace')}")
        self.response = response

    @property
    def status(self) -> int:
        return self.response.status


class ApiClient:
    """One user of the platform at `base`, which ends with `/api/v1`. Anonymous until `token` is set."""

    def __init__(self, base: str, http: aiohttp.ClientSession) -> None:
        self.base = base
        self.http = http
        self.token = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of each request."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def send(
        self, method: str, path: str, body: Any = None, *, key: str = "", **options: Any
    ) -> ApiResponse:
        """Send `body` as JSON and return the response, whatever its status.

        `key` goes out as `Idempotency-Key`: the request may then be repeated. `options` are aiohttp's
        for a request. Raises `aiohttp.ClientError` and `TimeoutError`.
        """
        headers = {**self.headers, **options.pop("headers", {})}
        if key:
            headers["Idempotency-Key"] = key
        async with self.http.request(
            method, self.base + path, json=body, headers=headers, **options
        ) as response:
            return ApiResponse(response.status, response.headers, await response.read())

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str = "", **options: Any
    ) -> Any:
        """Send a request as `send` does; return the decoded body. Raises `ApiError` from 400 on."""
        response = await self.send(method, path, body, key=key, **options)
        if response.status >= 400:
            raise ApiError(f"{method} {path}", response)
        return response.json()

    async def upload(
        self, name: str, content: bytes | AsyncIterable[bytes], *, media_type: str = ""
    ) -> dict[str, Any]:
        """Upload a file, and return what is known about it. Raises `ApiError`."""
        headers = {
            **self.headers,
            "Content-Type": media_type or "application/octet-stream",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        }
        async with self.http.post(f"{self.base}/files", data=content, headers=headers) as response:
            answer = ApiResponse(response.status, response.headers, await response.read())
        if answer.status >= 400:
            raise ApiError(f"POST /files ({name})", answer)
        known: dict[str, Any] = answer.json()
        return known

    async def log_in(self, email: str, password: str) -> dict[str, Any]:
        """Log in, use the access token from now on, and return the answer. Raises `ApiError`."""
        credentials = {"email": email, "password": password}
        answer: dict[str, Any] = await self.call("POST", "/auth/login", credentials)
        self.token = answer["access_token"]
        return answer

    def connect(
        self, **options: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket: `async with client.connect() as socket:`. `options` are aiohttp's."""
        headers = options.pop("headers", self.headers)
        return self.http.ws_connect(f"{self.base}/ws", headers=headers, **options)

    async def events(self, job_id: str, after_seq: int = 0) -> AsyncIterator[Event]:
        """Yield a job's events after `after_seq` up to its last, or until the socket closes."""
        async with self.connect() as socket:
            await subscribe(socket, job_id, after_seq)
            async for frame in socket:
                if "seq" not in orjson.loads(frame.data):
                    continue  # an answer to a message of ours
                event = read_any_event(frame.data)
                yield event
                if event.type in TERMINAL_EVENTS:
                    return


async def subscribe(
    socket: aiohttp.ClientWebSocketResponse, job_id: str, after_seq: int = 0
) -> None:
    """Ask for a job's events after `after_seq`."""
    await socket.send_json({"type": "subscribe", "job_id": job_id, "after_seq": after_seq})
