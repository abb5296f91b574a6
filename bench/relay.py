"""Fan-out of one job's events to many sockets, beside a bare Starlette handler and `websockets`.

    python bench/relay.py [--sockets 500] [--frames 2000] [--runs 3]

Each server runs in a process of its own, the clients in another one: they only count bytes, so
that they are not what is measured. `relay` is the events service as it is: bus (memory), parsing,
joining on `seq`; the other two only repeat one text. Two figures, medians of alternating runs:

- burst: as fast as it goes. Frames per second that arrive at all sockets together, from the first
  one sent to the last one received. The relay writes frames that come close together in one go;
  the other two write each alone, and that is most of the difference.
- paced: so few events per second that each is written alone by all three; microseconds of the
  server's CPU per frame. What the relay does besides writing shows here.
"""

import argparse
import asyncio
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

WORKSPACE = "ws_bench"
JOB = "job_bench"
KINDS = ("relay", "starlette", "broadcast")
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


# --- servers: each prints its port and a token, then takes "N\n" on stdin: send N frames ---------


PACED = 50
"""Events per second of the paced measurement."""


async def commands() -> Any:
    """Yield (frames, seconds between them) for each line on stdin."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        count, _, pause = line.partition(b" ")
        yield int(count), float(pause or 0)


def listening() -> socket.socket:
    from common.server import bind_tcp

    return bind_tcp("127.0.0.1", 0)


async def serve_app(app: Any, bound: socket.socket, stack: AsyncExitStack) -> None:
    from common.server import server_for

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
    from common.backends import Backends
    from common.bus import Message
    from common.contracts.topology import EVENTS
    from common.telemetry import Telemetry
    from common.testing.identity import LocalKeys, TokenMaker
    from events.config import Settings
    from events.wiring import build_app

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
        backends = Backends()
        bus = backends.bus(settings, Telemetry("bench"))
        await bus.start()
        bound = listening()
        await serve_app(build_app(settings, backends), bound, stack)
        print(bound.getsockname()[1], make_token(workspace_id=WORKSPACE), flush=True)
        async for count, pause in commands():
            for _ in range(count):
                seq = len(stored) + 1
                stored.append(body(seq))
                message = Message(
                    type="trace.event.v1",
                    body=stored[-1],
                    correlation_id=JOB,
                    message_id=f"{JOB}:{seq}",
                    headers={"workspace_id": WORKSPACE},
                )
                await bus.publish(EVENTS, f"{WORKSPACE}.{JOB}.tool_result", message)
                await asyncio.sleep(pause)


def fake_peers(keys: Any, make_token: Any, stored: list[bytes]) -> Any:
    """Auth and executor, as far as one job needs them."""
    import jwt
    from fastapi import FastAPI, Request
    from fastapi.responses import Response

    from common.testing.identity import KEY_ID

    app = FastAPI()

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

    return app


# --- clients: raw sockets that count bytes ---------------------------------------------------------


class Client(asyncio.Protocol):
    def __init__(self, token: str, ready: asyncio.Future[None], tally: "Tally") -> None:
        self._token = token
        self._ready = ready
        self._tally = tally
        self._opening = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {self._token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if self._ready.done():
            self._tally.add(len(data))
            return
        self._opening += data
        if b"\r\n\r\n" in self._opening and not self._opening.endswith(b"}"):
            self._opening += b"}"  # once
            asked = {"type": "subscribe", "job_id": JOB, "after_seq": self._tally.after_seq}
            self._transport.write(masked(json.dumps(asked).encode()))
            if self._token == "none":
                self._ready.set_result(None)
        elif self._opening.count(b"subscribed"):
            self._ready.set_result(None)


def masked(text: bytes) -> bytes:
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


class Tally:
    def __init__(self, after_seq: int) -> None:
        self.after_seq = after_seq
        self.wanted = 0
        self.got = 0
        self.done = asyncio.Event()

    def add(self, size: int) -> None:
        self.got += size
        if self.got >= self.wanted:
            self.done.set()


async def clients(port: int, token: str, sockets: int, after_seq: int) -> None:
    """Connect, say so, then time each "<frames>" told on stdin."""
    loop = asyncio.get_running_loop()
    tally = Tally(after_seq)
    held = []
    for _ in range(sockets):
        ready: asyncio.Future[None] = loop.create_future()
        made = await loop.create_connection(
            lambda ready=ready: Client(token, ready, tally), "127.0.0.1", port
        )
        held.append(made)
        await ready
    await asyncio.sleep(0.3)
    print("connected", flush=True)
    async for frames, _ in commands():
        tally.got, tally.wanted = 0, frames * sockets * FRAME_BYTES
        tally.done.clear()
        print("counting", flush=True)
        async with asyncio.timeout(120):
            await tally.done.wait()
        pings = sockets * 16
        assert tally.got - tally.wanted <= pings, f"{tally.got} bytes, not {tally.wanted}"
        print(time.monotonic(), flush=True)


# --- the parent ------------------------------------------------------------------------------------


class Child:
    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise SystemExit("a process of the bench has ended; see above")
        return line

    def say(self, what: object) -> None:
        assert self._process.stdin is not None
        print(what, file=self._process.stdin, flush=True)

    def cpu(self) -> float:
        """Return the seconds of CPU it has used."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def measure(kind: str, sockets: int, frames: int) -> tuple[float, float]:
    """Return burst's frames per second, and paced's microseconds of CPU per frame."""
    server = Child("--server", kind)
    port, token = server.hear().split()
    crowd = Child("--clients", port, token, str(sockets))
    try:
        assert crowd.hear() == "connected"
        _send(server, crowd, max(1, frames // 10))  # warms up
        rate = frames * sockets / _send(server, crowd, frames)
        cpu = server.cpu()
        _send(server, crowd, 2 * PACED, 1 / PACED)
        return rate, (server.cpu() - cpu) / (2 * PACED * sockets) * 1e6
    finally:
        crowd.end()
        server.end()


def _send(server: Child, crowd: Child, count: int, pause: float = 0) -> float:
    """Return the seconds from the first frame sent to the last one received."""
    crowd.say(count)
    assert crowd.hear() == "counting"
    started = time.monotonic()
    server.say(f"{count} {pause}")
    return float(crowd.hear()) - started


def compare(sockets: int, frames: int, runs: int) -> None:
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for run in range(runs):
        for kind in KINDS[run % 3 :] + KINDS[: run % 3]:
            found[kind].append(measure(kind, sockets, frames))
            rate, cpu = found[kind][-1]
            print(f"run {run + 1} {kind:10} {rate:10,.0f} frames/s {cpu:6.2f} us CPU/frame")
    rates = {kind: statistics.median(rate for rate, _ in some) for kind, some in found.items()}
    costs = {kind: statistics.median(cpu for _, cpu in some) for kind, some in found.items()}
    print(f"medians of {runs}, {sockets} sockets, one job:")
    for kind in KINDS:
        print(f"  {kind:10} burst {rates[kind]:10,.0f} frames/s, paced {costs[kind]:6.2f} us/frame")
    for other in ("starlette", "broadcast"):
        burst, paced = rates["relay"] / rates[other], costs[other] / costs["relay"]
        print(f"relay : {other:10} burst {burst:6.2f}, paced {paced:6.2f}")
    print("at least 0.9 of starlette is asked for")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--frames", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--server", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--clients", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.server:
        servers = {
            "relay": relay_server,
            "starlette": starlette_server,
            "broadcast": broadcast_server,
        }
        run(servers[given.server]())
    elif given.clients:
        port, token, sockets = given.clients
        run(clients(int(port), token, int(sockets), 0))
    else:
        compare(given.sockets, given.frames, given.runs)


def run(work: Any) -> None:
    import uvloop

    uvloop.run(work)


if __name__ == "__main__":
    main()
