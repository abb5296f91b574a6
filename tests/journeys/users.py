"""A user of the platform under test."""

import asyncio
import json
import secrets
from collections.abc import Collection
from typing import Any

import aiohttp
from journeys.platforms import Platform

from common.contracts.events import TERMINAL_EVENTS
from devkit.published import check_event
from kasal_platform.api_client import ApiClient, ApiResponse, subscribe

_COME_BACK = 1012


class User(ApiClient):
    """Someone with a token, over HTTP and WebSocket."""

    def __init__(
        self, platform: Platform, http: aiohttp.ClientSession, email: str = "", password: str = ""
    ) -> None:
        super().__init__(platform.base, http)
        self.platform = platform
        self.email = email
        self.password = password
        self.refresh_token = ""
        self.answer: ApiResponse | None = None
        """The answer to the last request."""

    def move_to(self, platform: Platform) -> None:
        """Ask another platform from now on."""
        self.platform, self.base = platform, platform.base

    async def call(
        self, method: str, path: str, body: Any = None, *, expect: int | None = None, **options: Any
    ) -> Any:
        """Send a request and return the decoded answer, whose status must be `expect`."""
        self.answer = await self.send(method, path, body, **options)
        if expect is not None:
            shown = (method, path, self.answer.status, self.answer.body)
            assert self.answer.status == expect, shown
        return self.answer.json()

    async def login(self) -> dict[str, Any]:
        credentials = {"email": self.email, "password": self.password}
        told: dict[str, Any] = await self.call("POST", "/auth/login", credentials, expect=200)
        self.token, self.refresh_token = told["access_token"], told["refresh_token"]
        return told

    async def crew(self, *descriptions: str, model: str = "offline", **rest: Any) -> str:
        """Make an active crew with one agent and a task for each description; return its id."""
        agent = {"role": "Research Agent", "goal": "Find things out", "model": model, **rest}
        body = {"name": "A crew", "process": "sequential", "agents": [agent]}
        crew_id = (await self.call("POST", "/crews", body, expect=201))["id"]
        agents = (await self.call("GET", f"/agents?crew_id={crew_id}", expect=200))["agents"]
        for text in descriptions:
            task = {"agent_id": agents[0]["id"], "description": text, "expected_output": "A text"}
            await self.call("POST", "/tasks", task, expect=201)
        return str(crew_id)

    async def remembers(self, crew_id: str, scope: str = "crew") -> None:
        """Switch a crew's memory on."""
        memory = {"short_term": True, "long_term": True, "scope": scope}
        changes = {"configuration": {"memory": memory}}
        await self.call("PUT", f"/crews/{crew_id}", changes, expect=200)

    async def start(self, crew_id: str, **inputs: Any) -> str:
        body = {"crew_id": crew_id, "inputs": inputs}
        return str((await self.call("POST", "/executions", body, expect=202))["job_id"])

    async def watch(self, job_id: str, after_seq: int = 0) -> list[dict[str, Any]]:
        """Return all events of the job from `after_seq` to its end, over a WebSocket.

        A platform that has just started may close the first ones with 1012, "come back".
        """
        async with asyncio.timeout(120):
            while True:
                async with self.connect() as socket:
                    await subscribe(socket, job_id, after_seq)
                    try:
                        return await read_events(socket)
                    except aiohttp.WSMessageTypeError:
                        if socket.close_code != _COME_BACK:
                            raise

    async def finished(self, job_id: str) -> dict[str, Any]:
        """Wait for the job's last event and return the execution."""
        await self.watch(job_id)
        told: dict[str, Any] = await self.call("GET", f"/executions/{job_id}", expect=200)
        return told


async def read_events(
    socket: aiohttp.ClientWebSocketResponse, until: Collection[str] = TERMINAL_EVENTS
) -> list[dict[str, Any]]:
    """Read events up to one whose type is in `until`."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(120):
        while True:
            frame = json.loads(await socket.receive_str())
            if "seq" in frame:
                check_event(frame)
                events.append(frame)
                if frame["type"] in until:
                    return events


async def registered(somebody: User) -> User:
    somebody.email = f"{secrets.token_hex(6)}@example.com"
    somebody.password = "a long password"
    credentials = {"email": somebody.email, "password": somebody.password}
    await somebody.call("POST", "/auth/register", credentials, expect=201)
    await somebody.login()
    await somebody.call("PUT", "/workspace/plan", {"tier": "enterprise"}, expect=200)
    return somebody
