"""The gateway between a client and four small services that say what they were asked."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from jwt.algorithms import ECAlgorithm

from common.backends import Backends
from common.server import bind_tcp, server_for
from devkit.identity import KEY_ID, LocalKeys, TokenMaker
from gateway.config import Settings
from gateway.wiring import build_app

SECRET = "a secret that the services share"


class Service:
    """A service that answers with what it was asked, and does what a path's last part tells it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.receiving = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.go_on = asyncio.Event()
        self.answers: dict[str, Callable[[dict[str, Any]], tuple[int, Any]]] = {}
        self.sockets: list[dict[str, Any]] = []
        self.closed: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent = 0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope, receive, send) -> None:
        told = {
            "service": self.name,
            "method": scope["method"],
            "path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": {k.decode(): v.decode() for k, v in scope["headers"]},
            "body": "",
        }
        if not told["path"].startswith(("/internal", "/readyz", "/.well-known")):
            self.requests.append(told)
        last = told["path"].rpartition("/")[2]
        if last == "hangs":
            await self._hang(receive)
        elif last == "events":
            await self._stream(receive, send)
        else:
            await self._tell(told, receive, send)

    async def _tell(self, told, receive, send) -> None:
        last = told["path"].rpartition("/")[2]
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.cancelled.set()
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
            self.receiving.set()
        told["body"] = body[:2000].decode()
        told["length"] = len(body)
        status, answer = self.answers.get(told["path"], lambda _: (200, told))(told)
        if last == "large":
            answer = "x" * 300_000
        headers = [
            (b"content-type", b"application/json"),
            (b"etag", b'"1"'),
            (b"connection", b"x-private"),
            (b"x-private", b"not for the client"),
            (b"x-request-id", b"one of the service's own"),
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            *([(b"allow", b"GET")] if status == 405 else []),
        ]
        text = json.dumps(answer).encode() if status != 204 else b""
        if last != "large" and status != 204:
            headers.append((b"content-length", b"%d" % len(text)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _hang(self, receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.cancelled.set()

    async def _stream(self, receive, send) -> None:
        kind = (b"content-type", b"text/event-stream")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        await send({"type": "http.response.body", "body": b"id: 1\n\n", "more_body": True})
        gone = asyncio.create_task(self._hang(receive))
        waiting = asyncio.create_task(self.go_on.wait())
        await asyncio.wait((gone, waiting), return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        waiting.cancel()
        await send({"type": "http.response.body", "body": b"id: 2\n\n"})

    async def _socket(self, scope, receive, send) -> None:
        self.sockets.append({k.decode(): v.decode() for k, v in scope["headers"]})
        await receive()
        if b"refuse" in scope["query_string"]:
            await send({"type": "websocket.close", "code": 4403})
            return
        offered = scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
        with contextlib.suppress(OSError):
            while (message := await receive())["type"] == "websocket.receive":
                await self._react(message, send)
            self.closed.put_nowait(message)

    async def _react(self, message, send) -> None:
        text = message.get("text")
        if text is not None and text.startswith("close "):
            code, _, reason = text[6:].partition(" ")
            await send({"type": "websocket.close", "code": int(code), "reason": reason})
        elif text == "flood":
            for _ in range(2_000):
                await send({"type": "websocket.send", "text": "x" * 50_000})
                self.sent += 1
        elif text is not None:
            await send({"type": "websocket.send", "text": f"{self.name}: {text}"})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})


class AuthService(Service):
    """Auth as the gateway knows it."""

    def __init__(self, keys: LocalKeys, make_token: TokenMaker) -> None:
        super().__init__("auth")
        self.limits: dict[str, Any] | None = {"per_hour": 10_000, "per_minute": 1_000}
        self.opaque = {"kasal_key": "ws_test", "SANDBOX_TOKEN": "ws_sandbox"}
        self.revocations: list[dict[str, Any]] = []
        self.asked: list[str] = []
        jwk = json.loads(ECAlgorithm.to_jwk(keys.private.public_key()))
        jwk.update(kid=KEY_ID, alg="ES256", use="sig")
        self._make_token = make_token
        self.fixed = {
            "/.well-known/jwks.json": {"keys": [jwk]},
            "/internal/tokens/service": {
                "access_token": make_token(kind="service", workspace_id="*"),
                "expires_in": 300,
            },
        }

    async def _http(self, scope, receive, send) -> None:
        path = scope["raw_path"].decode()
        self.asked.append(path)
        if path in self.fixed:
            self.answers[path] = lambda told: (200, self.fixed[path])
        elif path == "/internal/revocations":
            self.answers[path] = lambda told: (200, {"revocations": self.revocations})
        elif path == "/internal/tokens/exchange":
            self.answers[path] = self._exchanged
        elif path.startswith("/internal/workspaces/"):
            plan = {"workspace_id": path.split("/")[3], "tier": "pro", "limits": self.limits}
            self.answers[path] = lambda told: (200, plan)
        await super()._http(scope, receive, send)

    def _exchanged(self, told: dict[str, Any]) -> tuple[int, Any]:
        workspace = self.opaque.get(json.loads(told["body"])["token"])
        if workspace is None:
            return 401, {"error": {"code": "UNAUTHORIZED", "message": "no", "details": {}}}
        token = self._make_token(workspace_id=workspace, session_id="key_1", expires_in=60)
        return 200, {"access_token": token, "expires_in": 60}


@dataclass
class Surroundings:
    """The services behind the gateway, and the backends it shares with them."""

    auth: AuthService
    crews: Service
    executor: Service
    events: Service
    backends: Backends = field(default_factory=Backends)

    def __iter__(self):
        return iter((self.auth, self.crews, self.executor, self.events))


@asynccontextmanager
async def listening(app: Any, *given: socket.socket) -> AsyncIterator[str]:
    sockets = given or (bind_tcp("127.0.0.1", 0),)
    server = server_for(app, grace=1.0)
    running = asyncio.create_task(server.serve(sockets=list(sockets)))
    try:
        while not server.started:
            if running.done():
                await running
                raise RuntimeError("it did not start")
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        server.stop()
        await running
        for bound in sockets:
            bound.close()


@pytest.fixture(name="listening")
def listening_fixture() -> Callable[[Any], AbstractAsyncContextManager[str]]:
    """`async with listening(app) as url:` serves an application."""
    return listening


@pytest.fixture
async def behind(signing_keys: LocalKeys, make_token: TokenMaker) -> AsyncIterator[Surroundings]:
    """The four services, listening."""
    made = Surroundings(
        AuthService(signing_keys, make_token),
        Service("crews"),
        Service("executor"),
        Service("events"),
    )
    by_port = {}
    sockets = [bind_tcp("127.0.0.1", 0) for _ in made]
    for service, bound in zip(made, sockets, strict=True):
        port = bound.getsockname()[1]
        by_port[port] = service
        service.url = f"http://127.0.0.1:{port}"

    async def app(scope, receive, send) -> None:
        service = made.auth if scope["type"] == "lifespan" else by_port[scope["server"][1]]
        await service(scope, receive, send)

    async with listening(app, *sockets):
        yield made


@dataclass
class Door:
    """A running gateway: a client session of it, its address, its application."""

    http: aiohttp.ClientSession
    url: str
    app: Any

    async def raw(self, text: str | bytes) -> bytes:
        """Send bytes as they are and return everything that comes back."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(text.encode() if isinstance(text, str) else text)
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


@pytest.fixture
def gateway(
    behind: Surroundings,
) -> Callable[..., AbstractAsyncContextManager[Door]]:
    """`async with gateway(maintenance=True) as door:` - a gateway with these settings."""

    @asynccontextmanager
    async def started(**given: Any) -> AsyncIterator[Door]:
        settings = Settings(
            **{
                "amqp_url": "memory://",
                "redis_url": "memory://",
                "service_secret": SECRET,
                "auth_url": behind.auth.url,
                "crews_url": behind.crews.url,
                "executor_url": behind.executor.url,
                "events_url": behind.events.url,
                **given,
            }
        )
        app = build_app(settings, behind.backends)
        async with listening(app) as url, aiohttp.ClientSession(base_url=url) as session:
            yield Door(session, url, app)

    return started


@pytest.fixture
def bearer(make_token: TokenMaker) -> Callable[..., dict[str, str]]:
    """`bearer(workspace_id=...)` - the header of a caller."""
    return lambda **claims: {"Authorization": f"Bearer {make_token(**claims)}"}
