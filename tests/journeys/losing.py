"""A stack whose backends can be taken away, and a server that counts what it is asked."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from kasal_platform.local.program import free_port

SERVICES = ("auth", "crews", "executor", "events", "gateway")
NEEDS = {
    "mongo": ("auth", "crews", "executor", "worker-1"),
    "amqp": ("auth", "crews", "executor", "worker-1", "events", "gateway"),
    "redis": ("auth", "events", "gateway"),
}
NAMES = {"mongo": "mongo", "amqp": "bus", "redis": "redis"}


class Payments:
    """An endpoint that has its effect at each call; `keys` are the calls' idempotency keys.

    Each call of `/slowly` has arrived at `called` and ends after `end`.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.called, self.end = asyncio.Event(), asyncio.Event()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/pay"
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/pay", self._pay)
        app.router.add_post("/slowly", self._slowly)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _slowly(self, request: web.Request) -> web.Response:
        self.called.set()
        await self.end.wait()
        return await self._pay(request)

    async def _pay(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers["Idempotency-Key"])
        return web.json_response({"paid": True})


async def readiness(platform: Any, name: str) -> tuple[int, set[str]]:
    """Return the status of a process's `/readyz`, and the backends it says are missing."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(platform.stack.processes[name].url + "/readyz") as answer,
    ):
        told = await answer.json()
    if answer.status != 200:
        return answer.status, set(told["error"]["details"]["missing"])
    return 200, {name for name, how in told.get("checks", {}).items() if how != "ok"}


async def until(holds: Callable[[], Awaitable[object]], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def without(platform: Any, backend: str) -> AsyncIterator[None]:
    """Kill a backend, and start it again in the end.

    Entered when every process that needs it says that it is missing, left when all have found it
    by themselves.
    """
    stack, name = platform.stack, NAMES[backend]
    await stack.kill(backend)
    try:
        await asyncio.gather(
            *(
                until(lambda process=each: misses(platform, process, name))
                for each in NEEDS[backend]
            )
        )
        yield
    finally:
        await stack.start(backend)
        await stack.ready(backend)
        await asyncio.gather(
            *(until(lambda process=each: complete(platform, process)) for each in stack.processes)
        )


async def misses(platform: Any, process: str, backend: str) -> bool:
    return backend in (await readiness(platform, process))[1]


async def complete(platform: Any, process: str) -> bool:
    return await readiness(platform, process) == (200, set())


def whole(events: list[dict[str, Any]]) -> bool:
    return [event["seq"] for event in events] == list(range(1, len(events) + 1))
