"""A careful client of the platform: it repeats what may be repeated, and comes back to a stream where
it left it."""

import asyncio
import contextlib
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from common.contracts.events import TERMINAL_EVENTS
from kasal_platform.api_client import ApiClient, ApiResponse, subscribe

_AGAIN = frozenset({429, 502, 503, 504})
_PAUSE = 0.2
_LONGEST_PAUSE = 2.0
_TIMEOUT = aiohttp.ClientTimeout(total=20)
_HEARTBEAT = 4.0
_CLOSING = aiohttp.ClientWSTimeout(ws_close=2.0)
_UNAUTHORIZED = 4401


class PatientClient(ApiClient):
    """Repeats each request for at most `patience` seconds."""

    def __init__(self, base: str, http: aiohttp.ClientSession, patience: float = 90.0) -> None:
        super().__init__(base, http)
        self._patience = patience
        self.repeated = 0
        """Requests that had to be sent again."""

    async def send(
        self, method: str, path: str, body: Any = None, *, key: str = "", **options: Any
    ) -> ApiResponse:
        """Send a request until it is answered; return the answer.

        A key makes it safe to repeat what creates something. Raises `TimeoutError` when the platform
        stays away.
        """
        until, pause = time.monotonic() + self._patience, _PAUSE
        while True:
            found: ApiResponse | Exception
            try:
                found = await super().send(method, path, body, key=key, timeout=_TIMEOUT, **options)
            except (aiohttp.ClientError, OSError, TimeoutError) as fault:
                found = fault
            else:
                if found.status not in _AGAIN and not _in_flight(found):
                    return found
            if time.monotonic() > until:
                raise TimeoutError(f"{method} {path}: {found!r}")
            self.repeated += 1
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)


def _in_flight(response: ApiResponse) -> bool:
    """Say whether the first request with this key is still being answered."""
    return response.status == 409 and "dempotency" in json.dumps(response.json())


@dataclass
class Watcher:
    """Watches one job from its first event to its last, however often it has to come back."""

    client: ApiClient
    job_id: str
    random: random.Random
    events: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def seen(self) -> int:
        return self.events[-1]["seq"] if self.events else 0

    @property
    def over(self) -> bool:
        return bool(self.events) and self.events[-1]["type"] in TERMINAL_EVENTS

    async def to_end(self) -> None:
        """Return once the terminal event has come."""
        pause = _PAUSE
        while not self.over and not self.problems:
            before = self.seen
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self._watch_once()
            pause = _PAUSE if self.seen > before else min(_LONGEST_PAUSE, pause * 1.5)
            if not self.over:
                await asyncio.sleep(pause * self.random.uniform(0.5, 1.0))

    async def _watch_once(self) -> None:
        async with self.client.connect(heartbeat=_HEARTBEAT, timeout=_CLOSING) as socket:
            self.connections += 1
            await subscribe(socket, self.job_id, self.seen)
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT and not self._take(message.json()):
                    return
            if socket.close_code == _UNAUTHORIZED:
                self.problems.append("the token was refused")

    def _take(self, frame: dict[str, Any]) -> bool:
        """Take a frame; return whether to read on."""
        if "seq" not in frame:
            if frame["type"] == "error" and frame.get("code") == "VALIDATION_ERROR":
                # Nothing else of what is sent here can be refused.
                self.problems.append(f"an event was shown that is not stored: {frame}")
            return frame["type"] != "error"
        if frame["seq"] != self.seen + 1:
            kind = "a repeat" if frame["seq"] <= self.seen else "a hole"
            self.problems.append(f"{kind}: {frame['seq']} after {self.seen}")
            return False
        self.events.append(frame)
        return not self.over
