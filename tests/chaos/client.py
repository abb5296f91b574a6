"""A client of the platform as a careful one is written: it repeats what may be repeated, and comes
back to a stream where it left it."""

import asyncio
import contextlib
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

TERMINAL = frozenset({"execution_complete", "error", "execution_stopped"})
_AGAIN = frozenset({429, 502, 503, 504})
_PAUSE = 0.2
_LONGEST_PAUSE = 2.0
_HEARTBEAT = 4.0
_UNAUTHORIZED = 4401


class Refused(Exception):  # noqa: N818 - it says what happened
    """The platform answered with what no repetition helps against."""

    def __init__(self, status: int, told: Any) -> None:
        super().__init__(f"{status}: {told}")
        self.status = status
        self.told = told


class Client:
    """Someone with a token at the gateway. Each request is repeated for at most `patience` seconds."""

    def __init__(self, base: str, http: aiohttp.ClientSession, patience: float = 90.0) -> None:
        self.base = base
        self.http = http
        self._patience = patience
        self.headers: dict[str, str] = {}
        self.repeated = 0
        """Requests that had to be sent again."""

    async def call(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        """Send a request until it is answered; return the answer. Raises `Refused`.

        A key makes it safe to repeat what creates something. Raises `TimeoutError` when the platform
        stays away.
        """
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        until, pause = time.monotonic() + self._patience, _PAUSE
        while True:
            status, told = await self._once(method, path, body, headers)
            if status and status not in _AGAIN and not _in_flight(status, told):
                if status >= 400:
                    raise Refused(status, told)
                return told
            if time.monotonic() > until:
                raise TimeoutError(f"{method} {path}: {status} {told}")
            self.repeated += 1
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

    async def _once(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, Any]:
        timeout = aiohttp.ClientTimeout(total=20)
        try:
            async with self.http.request(
                method, self.base + path, json=body, headers=headers, timeout=timeout
            ) as answer:
                raw = await answer.read()
                return answer.status, json.loads(raw) if raw else None
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            return 0, repr(fault)


def _in_flight(status: int, told: Any) -> bool:
    """Say whether the first request with this key is still being answered."""
    return status == 409 and "dempotency" in json.dumps(told)


@dataclass
class Watcher:
    """Watches one job from its first event to its last, however often it has to come back."""

    client: Client
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
        return bool(self.events) and self.events[-1]["type"] in TERMINAL

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
        url = self.client.base + "/ws"
        async with self.client.http.ws_connect(
            url, headers=self.client.headers, heartbeat=_HEARTBEAT, timeout=_closing()
        ) as socket:
            self.connections += 1
            subscribe = {"type": "subscribe", "job_id": self.job_id, "after_seq": self.seen}
            await socket.send_json(subscribe)
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


def _closing() -> aiohttp.ClientWSTimeout:
    return aiohttp.ClientWSTimeout(ws_close=2.0)
