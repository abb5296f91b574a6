"""The servers of `bench.harness.fan_out`: the events service, and two that only repeat one text.

Each prints its port and a token, then takes lines on stdin: the number of frames to send.
"""

import asyncio
import json
import socket
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

WORKSPACE = "ws_bench"
JOB = "job_bench"
FRAME: dict[str, Any] = {
    "type": "tool_result",
    "job_id": JOB,
    "seq": 0,
    "timestamp": "2024-01-15T14:00:05.123Z",
    "attempt": 1,
    "task_id": "task_001",
    "agent": "Research Agent",
    "action": "web_search",
    "result": "Found 15 relevant articles " * 4,
}


def body(seq: int) -> bytes:
    """Return an event; all have the same length, so that bytes count frames."""
    import orjson

    pad = "." * (9 - len(str(seq)))
    return orjson.dumps({**FRAME, "seq": seq, "result": FRAME["result"] + pad})


FRAME_BYTES = len(json.dumps(FRAME, separators=(",", ":"))) + 8 + 4  # padding, frame header


async def commands() -> Any:
    """Yield (frames, seconds between them) for each line on stdin."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        count, _, pause = line.partition(b" ")
        yield int(count), float(pause or 0)


def listening() -> socket.socket:
    from common.web.server import bind_tcp

    return bind_tcp("127.0.0.1", 0)


async def serve_app(app: Any, bound: socket.socket, stack: AsyncExitStack) -> None:
    from common.web.server import server_for

    server = server_for(app)
    task = asyncio.create_task(server.serve(sockets=[bound]))

    async def stop() -> None:
        server.stop()
        await task

    stack.push_async_callback(stop)
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)


async def starlette_server() -> None:
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

    clients: set[WebSocket] = set()

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        clients.add(websocket)
        try:
            await websocket.receive()
        finally:
            clients.discard(websocket)

    async with AsyncExitStack() as stack:
        bound = listening()
        await serve_app(Starlette(routes=[WebSocketRoute("/ws", handler)]), bound, stack)
        print(bound.getsockname()[1], "none", flush=True)
        text = body(0).decode()
        async for count, pause in commands():
            for _ in range(count):
                for websocket in tuple(clients):
                    await websocket.send_text(text)
                await asyncio.sleep(pause)


async def broadcast_server() -> None:
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    clients: set[ServerConnection] = set()

    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        clients.add(connection)
        await connection.wait_closed()
        clients.discard(connection)

    async with serve(handler, "127.0.0.1", 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], "none", flush=True)
        text = body(0).decode()
        async for count, pause in commands():
            for _ in range(count):
                broadcast(clients, text)
                await asyncio.sleep(pause)
                # `broadcast` knows no limit: without this it would only fill buffers.
                while any(  # noqa: ASYNC110
                    c.transport.get_write_buffer_size() > 65_536 for c in clients
                ):
                    await asyncio.sleep(0)


async def relay_server() -> None:
    from common.telemetry import Telemetry
    from devkit.identity import LocalKeys, TokenMaker
    from events.config import Settings
    from events.wiring import build_app
    from kasal_platform.embedded.backends import InProcessBackends

    keys = LocalKeys()
    make_token = TokenMaker(keys)
    stored: list[bytes] = []
    async with AsyncExitStack() as stack:
        peers = listening()
        url = f"http://127.0.0.1:{peers.getsockname()[1]}"
        await serve_app(fake_peers(keys, make_token, stored), peers, stack)
        settings = Settings(
            amqp_url="memory://",
            redis_url="memory://",
            auth_url=url,
            executor_url=url,
            service_secret="a-secret-of-the-bench",
            slow_client_seconds=60,
        )
        backends = InProcessBackends()
        bus = backends.bus(settings, Telemetry("bench"))
        await bus.start()
        bound = listening()
        await serve_app(build_app(settings, backends), bound, stack)
        print(bound.getsockname()[1], make_token(workspace_id=WORKSPACE), flush=True)
        async for count, pause in commands():
            for _ in range(count):
                stored.append(body(len(stored) + 1))
                await publish_event(bus, len(stored), stored[-1])
                await asyncio.sleep(pause)


async def publish_event(bus: Any, seq: int, frame: bytes) -> None:
    from common.bus import Message
    from common.contracts.topology import EVENTS

    message = Message(
        type="trace.event.v1",
        body=frame,
        correlation_id=JOB,
        message_id=f"{JOB}:{seq}",
        headers={"workspace_id": WORKSPACE},
    )
    await bus.publish(EVENTS, f"{WORKSPACE}.{JOB}.tool_result", message)


def fake_peers(keys: Any, make_token: Any, stored: list[bytes]) -> Any:
    """Auth and executor, as far as one job needs them."""
    from fastapi import FastAPI

    app = FastAPI()
    add_routes_of_auth(app, keys, make_token)
    add_routes_of_executor(app, stored)
    return app


def add_routes_of_auth(app: "FastAPI", keys: Any, make_token: Any) -> None:
    import jwt
    from fastapi import Request

    from devkit.identity import KEY_ID

    @app.get("/.well-known/jwks.json")
    async def jwks() -> Any:
        told = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(keys.private.public_key()))
        return {"keys": [{**told, "kid": KEY_ID, "alg": "ES256", "use": "sig"}]}

    @app.post("/internal/tokens/service")
    async def service(request: Request) -> Any:
        asked = await request.json()
        token = make_token(workspace_id=asked["workspace_id"], kind="service")
        return {"access_token": token, "expires_in": 300}

    @app.get("/internal/revocations")
    async def revocations() -> Any:
        return {"revocations": []}


def add_routes_of_executor(app: "FastAPI", stored: list[bytes]) -> None:
    from fastapi.responses import Response

    @app.get("/internal/executions/{job_id}")
    async def head(job_id: str) -> Any:
        return {"job_id": job_id, "status": "running", "last_seq": len(stored)}

    @app.get("/internal/executions/{job_id}/events")
    async def events(after_seq: int, limit: int) -> Any:
        some = b",".join(stored[after_seq : after_seq + limit])
        head = b'"status":"running","last_seq":%d' % len(stored)
        return Response(b'{"events":[' + some + b"]," + head + b"}", media_type="application/json")

    @app.post("/internal/executions/heads")
    async def heads() -> Any:
        return {"heads": {JOB: {"status": "running", "last_seq": len(stored)}}}


def run(work: Any) -> None:
    import uvloop

    uvloop.run(work)
