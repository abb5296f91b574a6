"""5,000 idle sockets on one relay beside as many on a bare Starlette handler.

The relay is the events service, a process of its own. Each socket brings a token, is signed in and
has had one pong; the bare handler checks nothing and has sent one text too. Both run uvicorn with
the same settings. The clients are raw sockets in this process. Memory is the server's PSS; what the
kernel keeps for a connection is in neither figure.
"""

import asyncio
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.harness.fan_out_clients import handshake, mask
from bench.harness.processes import pss_mb, scratch
from bench.harness.report import Report
from bench.harness.services import Peers, bare, peers, serving

SOCKETS = 5_000
_AT_ONCE, _WARM_UP, _SETTLING = 50, 50, 3.0
_WORKSPACES = 10
_SPARE_FILES = 200


class Client(asyncio.Protocol):
    """A raw socket: upgrades, says ping, and is `ready` when it is answered."""

    def __init__(self, token: str) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: Any = None
        self._token = token
        self._heard = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(handshake(self._token))

    def data_received(self, data: bytes) -> None:
        if self.ready.done():
            return  # a ping of the server's: these clients are idle
        began = b"\r\n\r\n" in self._heard
        self._heard += data
        if not began and b"\r\n\r\n" in self._heard:
            self.transport.write(mask(b'{"type":"ping"}'))
        if b'{"type":"pong"}' in self._heard:
            self._heard = b""
            self.ready.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.ready.done():
            said = self._heard[:300]
            self.ready.set_exception(RuntimeError(f"a socket was closed, having said {said!r}"))


async def _open(port: int, tokens: list[str], held: list[Client]) -> None:
    loop = asyncio.get_running_loop()
    waiting = iter(tokens)

    async def some() -> None:
        for token in waiting:
            _, client = await loop.create_connection(partial(Client, token), "127.0.0.1", port)
            held.append(client)
            await client.ready

    async with asyncio.timeout(120):
        await asyncio.gather(*(some() for _ in range(_AT_ONCE)))


async def _cost(pid: int, port: int, token: Callable[[int], str]) -> tuple[float, float]:
    """Return KiB a socket, and the seconds that opening all of them took."""
    tokens = [token(number) for number in range(SOCKETS + _WARM_UP)]
    held: list[Client] = []
    try:
        await _open(port, tokens[:_WARM_UP], held)
        await asyncio.sleep(_SETTLING)
        before = pss_mb(pid)
        started = time.perf_counter()
        await _open(port, tokens[_WARM_UP:], held)
        seconds = time.perf_counter() - started
        await asyncio.sleep(_SETTLING)
        alive = sum(not client.transport.is_closing() for client in held)
        if alive != len(tokens):
            raise SystemExit(f"{len(tokens) - alive} of {len(tokens)} sockets were closed")
        return (pss_mb(pid) - before) * 1024 / SOCKETS, seconds
    finally:
        for client in held:
            client.transport.abort()


async def _relay(given: Peers, folder: Path) -> tuple[float, float]:
    environment = {**given.environment(), "KASAL_SOCKET_LIMIT": str(SOCKETS + _WARM_UP)}

    def token(number: int) -> str:
        return given.token(workspace_id=f"ws_{number % _WORKSPACES}", user_id=f"usr_{number}")

    async with serving("events", folder, environment) as service:
        return await _cost(service.pid, service.port, token)


async def _bare() -> tuple[float, float]:
    async with bare({}) as service:
        return await _cost(service.pid, service.port, lambda _: "none")


async def _measure(rounds: int, folder: Path, report: Report) -> None:
    ours, theirs = [], []
    async with peers() as given:
        for number in range(rounds):
            if number % 2:
                theirs.append(await _bare())
                ours.append(await _relay(given, folder))
            else:
                ours.append(await _relay(given, folder))
                theirs.append(await _bare())
    for name, found in (("Kasal's relay", ours), ("bare Starlette", theirs)):
        report.row(f"{name}: memory a socket (PSS)", "KiB", *(memory for memory, _ in found))
        report.row(f"{name}: {SOCKETS:,} opened in", "s", *(seconds for _, seconds in found))
    pairs = list(zip(ours, theirs, strict=True))
    report.row("memory a socket, relay / bare", "", *(o[0] / t[0] for o, t in pairs))
    report.row("time to open, relay / bare", "", *(o[1] / t[1] for o, t in pairs))


def run(rounds: int) -> Report:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < SOCKETS + _SPARE_FILES:
        raise SystemExit(f"{SOCKETS} sockets need as many open files; the limit is {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # inherited by the servers
    report = Report("sockets", f"{SOCKETS:,} idle sockets on one relay")
    with scratch("sockets") as folder:
        asyncio.run(_measure(rounds, folder, report))
    report.notes.append("The relay's sockets are signed in, each with a token of its own.")
    return report
