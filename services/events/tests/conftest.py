"""A world for the events service: an executor and an auth made of dictionaries."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from fastapi import FastAPI, Request
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from common.backends import Backends
from common.bus import Bus, Message
from common.contracts.events import events_key
from common.contracts.topology import EVENTS
from common.errors import NotFound, Unauthorized, Unavailable
from common.http import add_error_handlers
from common.telemetry import Telemetry
from common.tokens import TokenVerifier
from devkit.identity import KEY_ID, LocalKeys, TokenMaker
from devkit.serving import Served, served

SECRET = "a-secret-of-the-tests"
ENDS = {"execution_complete": "completed", "error": "failed", "execution_stopped": "stopped"}


def event(job_id: str, seq: int, kind: str = "progress", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "job_id": job_id,
        "seq": seq,
        "timestamp": "2024-01-15T14:00:00Z",
        "attempt": 1,
        **more,
    }


@dataclass
class Job:
    workspace_id: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return ENDS.get(self.events[-1]["type"], "running") if self.events else "queued"

    @property
    def head(self) -> dict[str, Any]:
        return {"status": self.status, "last_seq": len(self.events)}


class FakePlatform:
    """Auth and executor in one: tokens, keys, revocations, jobs. `away` makes routes answer 503."""

    def __init__(self, keys: LocalKeys, make_token: TokenMaker) -> None:
        self.jobs: dict[str, Job] = {}
        self.opaque: dict[str, str] = {}
        self.revocations: list[dict[str, Any]] = []
        self.away: set[str] = set()
        self.asked: list[str] = []
        self._keys = keys
        self._verifier = TokenVerifier(keys)
        self._make_token = make_token
        self.app = self._routes()

    def job(self, job_id: str, workspace_id: str = "ws_test", events: int = 0) -> Job:
        made = self.jobs[job_id] = Job(workspace_id)
        for _ in range(events):
            self.append(job_id)
        return made

    def append(self, job_id: str, kind: str = "progress", **more: Any) -> Message:
        """Store the job's next event and return its message for the bus."""
        job = self.jobs[job_id]
        made = event(job_id, len(job.events) + 1, kind, **more)
        job.events.append(made)
        return Message(
            type="trace.event.v1",
            body=orjson.dumps(made),
            correlation_id=job_id,
            message_id=f"{job_id}:{made['seq']}",
            headers={"workspace_id": job.workspace_id},
        )

    def _found(self, job_id: str, workspace_id: str) -> Job:
        job = self.jobs.get(job_id)
        if job is None or job.workspace_id != workspace_id:
            raise NotFound("There is no such execution.")
        return job

    async def _workspace(self, request: Request, place: str) -> str:
        self.asked.append(place)
        if place in self.away:
            raise Unavailable(f"{place} is away")
        token = request.headers["authorization"].removeprefix("Bearer ")
        identity = await self._verifier.verify(token)
        assert identity.kind == "service"
        return identity.workspace_id

    def _routes(self) -> FastAPI:
        app = FastAPI()
        add_error_handlers(app)

        @app.get("/.well-known/jwks.json")
        async def jwks() -> Any:
            import jwt

            public = self._keys.private.public_key()
            told = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(public))
            return {"keys": [{**told, "kid": KEY_ID, "alg": "ES256", "use": "sig"}]}

        @app.post("/internal/tokens/service")
        async def service(request: Request) -> Any:
            assert request.headers["x-kasal-service-secret"] == SECRET
            asked = await request.json()
            assert asked["service"] == "events"
            token = self._make_token(workspace_id=asked["workspace_id"], kind="service")
            return {"access_token": token, "expires_in": 300}

        @app.post("/internal/tokens/exchange")
        async def exchange(request: Request) -> Any:
            assert request.headers["x-kasal-service-secret"] == SECRET
            self.asked.append("exchange")
            if "exchange" in self.away:
                raise Unavailable("auth is away")
            token = self.opaque.get((await request.json())["token"])
            if token is None:
                raise Unauthorized("The token is not valid.")
            return {"access_token": token, "expires_in": 60}

        @app.get("/internal/revocations")
        async def revocations(request: Request) -> Any:
            assert await self._workspace(request, "revocations") == "*"
            return {"revocations": self.revocations}

        @app.get("/internal/executions/{job_id}/events")
        async def events(job_id: str, after_seq: int, limit: int, request: Request) -> Any:
            job = self._found(job_id, await self._workspace(request, "events"))
            return {"events": job.events[after_seq : after_seq + limit], **job.head}

        @app.post("/internal/executions/heads")
        async def heads(request: Request) -> Any:
            assert await self._workspace(request, "heads") == "*"
            asked = (await request.json())["job_ids"]
            return {"heads": {j: self.jobs[j].head for j in asked if j in self.jobs}}

        return app


@dataclass
class World:
    """A running events service with what is around it."""

    platform: FakePlatform
    running: Served
    bus: Bus
    app: FastAPI
    token: str

    @property
    def url(self) -> str:
        return self.running.url.replace("http", "ws") + "/ws"

    def connect(self, token: str | None = None, **more: Any) -> Any:
        """Open a socket with the token in the header."""
        headers = {"Authorization": f"Bearer {token or self.token}", **more.pop("headers", {})}
        return connect(self.url, additional_headers=headers, compression=None, **more)

    async def emit(self, job_id: str, kind: str = "progress", **more: Any) -> Message:
        """Store the job's next event and publish it."""
        message = self.platform.append(job_id, kind, **more)
        await self.publish(message)
        return message

    async def publish(self, message: Message) -> None:
        kind = orjson.loads(message.body)["type"]
        key = events_key(message.headers["workspace_id"], message.correlation_id, kind)
        await self.bus.publish(EVENTS, key, message)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        registry = self.app.state.telemetry.registry
        return sum(
            sample.value
            for family in registry.collect()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@pytest.fixture
def platform(signing_keys: LocalKeys, make_token: TokenMaker) -> FakePlatform:
    return FakePlatform(signing_keys, make_token)


Worlds = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def world_of(platform: FakePlatform, make_token: TokenMaker) -> Worlds:
    """`async with world_of(amqp_url=…, any_setting=…) as world:`"""

    @asynccontextmanager
    async def made(**settings: Any) -> AsyncIterator[World]:
        from events.config import Settings
        from events.wiring import build_app

        backends = Backends()
        async with AsyncExitStack() as stack:
            peers = await stack.enter_async_context(served(platform.app))
            chosen = {
                "amqp_url": "memory://",
                "redis_url": "memory://",
                "auth_url": peers.url,
                "executor_url": peers.url,
                "service_secret": SECRET,
                **settings,
            }
            configured = Settings(**chosen)
            telemetry = Telemetry("publisher")
            stack.callback(telemetry.close)
            bus = backends.bus(configured, telemetry)
            await bus.start()
            stack.push_async_callback(bus.close)
            app = build_app(configured, backends)
            running = await stack.enter_async_context(served(app))
            yield World(platform, running, bus, app, make_token())

    return made


@pytest.fixture
async def world(world_of: Worlds) -> AsyncIterator[World]:
    async with world_of() as made:
        yield made


async def say(socket: ClientConnection, **frame: Any) -> None:
    await socket.send(json.dumps(frame))


async def hear(socket: ClientConnection, within: float = 10.0) -> dict[str, Any]:
    async with asyncio.timeout(within):
        heard: dict[str, Any] = json.loads(await socket.recv())
    return heard


async def hear_end(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return all frames up to a job's terminal event."""
    heard: list[dict[str, Any]] = []
    while not heard or not (heard[-1].get("seq") and heard[-1]["type"] in ENDS):
        heard.append(await hear(socket))
    return heard


async def until(holds: Callable[[], object], within: float = 10.0) -> None:
    """Return once `holds()` is true."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - what is waited for is in another task, or process
            await asyncio.sleep(0.005)


async def drained(socket: ClientConnection) -> tuple[int | None, list[dict[str, Any]]]:
    """Return the code the server closes with, and the frames before that."""
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        async for frame in closing(socket):
            heard.append(frame)
    return socket.close_code, heard


async def closing(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    try:
        while True:
            yield json.loads(await socket.recv())
    except ConnectionClosed:
        return


async def closed(socket: ClientConnection) -> int | None:
    """Return the code the server closes with."""
    code, _ = await drained(socket)
    return code


@pytest.fixture
def talk() -> SimpleNamespace:
    """The helpers `say(socket, **frame)`, `hear`, `hear_end`, `closed`, `drained`, `until`, `event`."""
    return SimpleNamespace(
        say=say,
        hear=hear,
        hear_end=hear_end,
        closed=closed,
        drained=drained,
        until=until,
        event=event,
    )
