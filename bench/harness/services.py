"""Single services as processes of their own, and a stand-in for what they ask of auth."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.harness import fan_out_servers
from bench.harness.processes import ROOT, end_process, ready
from devkit.identity import LocalKeys, TokenMaker
from kasal_platform.local.program import free_port


@dataclass(frozen=True)
class Peers:
    """Where services find auth, and what makes tokens that they accept."""

    url: str
    token: TokenMaker

    def environment(self) -> dict[str, str]:
        """Return the settings of every service, without a bus or a Redis."""
        names = ("AUTH", "CREWS", "EXECUTOR", "EVENTS")
        return {
            **{f"KASAL_{name}_URL": self.url for name in names},
            "KASAL_SERVICE_SECRET": "a-secret-of-the-bench",
            "KASAL_SECRET_KEY": "another-secret-of-the-bench",
            "KASAL_AMQP_URL": "memory://",
            "KASAL_REDIS_URL": "memory://",
            "KASAL_MIGRATE_ON_START": "true",
            "KASAL_LOG_FORMAT": "json",
            "KASAL_LOG_LEVEL": "WARNING",
        }


@asynccontextmanager
async def peers() -> AsyncIterator[Peers]:
    """Serve the stand-in from this process."""
    keys = LocalKeys()
    make_token = TokenMaker(keys)
    async with AsyncExitStack() as stack:
        bound = fan_out_servers.listening()
        await fan_out_servers.serve_app(
            fan_out_servers.fake_peers(keys, make_token, []), bound, stack
        )
        yield Peers(f"http://127.0.0.1:{bound.getsockname()[1]}", make_token)


@dataclass(frozen=True)
class Service:
    """A process that has reported to be ready."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(
    name: str, folder: Path, environment: Mapping[str, str], log: str = ""
) -> AsyncIterator[Service]:
    """Run the service `name` until the end of the block; its log goes to `folder`."""
    port = free_port()
    given = {**os.environ, **environment, "KASAL_PORT": str(port)}
    with (folder / f"{log or name}.log").open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "devkit.service", name),
            env=given,
            stdout=written,
            stderr=written,
        )
    try:
        await ready(f"http://127.0.0.1:{port}/readyz", process)
        yield Service(process.pid, port)
    finally:
        await end_process(process)


@asynccontextmanager
async def bare(environment: Mapping[str, str]) -> AsyncIterator[Service]:
    """Run the handlers of `bench.peers.starlette`, which has services' settings of uvicorn and no more."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.peers.starlette"),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield Service(process.pid, int(await process.stdout.readline()))
    finally:
        await end_process(process)
