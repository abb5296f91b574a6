"""The platform under test, embedded and as a stack."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from journeys.model import ScriptedModel

from kasal_platform.config import Settings
from kasal_platform.local.program import free_port
from kasal_platform.stack import Stack, stack_in

MCP_PORT = free_port()
"""Where the journeys have a server for MCP."""
SETTINGS = {
    "KASAL_OPEN_ROUTE_LIMIT": "100000",
    "KASAL_PLAN_CHANGES": "true",
    "KASAL_SANDBOX_TOKEN": "SANDBOX_TOKEN",
    "KASAL_TOOL_ALLOWED_HOSTS": f"127.0.0.1:{MCP_PORT}",
    "KASAL_MCP_STDIO": "mcp-server-time *",
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONPATH": str(Path(__file__).parent / "started_with"),
}


@dataclass
class Platform:
    """A running platform: where it answers, and what of it can be reached besides."""

    form: str
    base: str
    folder: Path
    model: "ScriptedModel"
    amqp_url: str = ""
    stack: Stack | None = None
    process: asyncio.subprocess.Process | None = None

    @property
    def root(self) -> str:
        return self.base.removesuffix("/api/v1")

    @property
    def workers(self) -> list[str]:
        assert self.stack is not None
        return [name for name in self.stack.processes if name.startswith("worker")]


PATIENT = {"KASAL_MONGO_TIMEOUT_MS": "60000"}
"""For platforms whose database is a file: one write may wait for a busy disk as long as all of pytest's processes do."""


@contextlib.asynccontextmanager
async def embedded_platform(
    folder: Path, model: ScriptedModel, extra: dict[str, str]
) -> AsyncIterator[Platform]:
    port = free_port()
    environment = {
        **os.environ,
        **PATIENT,
        **extra,
        "KASAL_PORT": str(port),
        "KASAL_DATA_DIR": str(folder / "data"),
    }
    log = (folder / "log").open("ab")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "kasal_platform",
        "run",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    log.close()
    try:
        await printed(process, "Kasal is up")
        base = f"http://127.0.0.1:{port}/api/v1"
        yield Platform("embedded", base, folder, model, process=process)
    finally:
        await ended(process)


async def printed(process: asyncio.subprocess.Process, words: str) -> list[str]:
    """Read what the process prints up to the line that has `words` in it."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(120):
        async for line in process.stdout:
            lines.append(line.decode().rstrip())
            if words in lines[-1]:
                return lines
    if process.stderr is not None:
        lines += (await process.stderr.read()).decode().splitlines()
    raise AssertionError("the platform did not start:\n" + "\n".join(lines))


async def ended(process: asyncio.subprocess.Process, number: int = signal.SIGINT) -> int:
    """Send a signal and return the exit code, reading on so that the process never blocks."""
    if process.returncode is None:
        process.send_signal(number)
    await asyncio.wait_for(process.communicate(), timeout=60)
    assert process.returncode is not None
    return process.returncode


@contextlib.asynccontextmanager
async def stack_platform(
    folder: Path, model: ScriptedModel, extra: dict[str, str]
) -> AsyncIterator[Platform]:
    """A stack over backends of its own: two that shared a broker would run each other's jobs."""
    given = dict(os.environ)
    if "KASAL_TEST_MONGO_URL" in os.environ:
        given["KASAL_MONGO_URL"] = os.environ["KASAL_TEST_MONGO_URL"]
        extra = {**extra, "KASAL_MONGO_DATABASE_PREFIX": f"journey_{secrets.token_hex(4)}_"}
    async with stack_in(Settings(port=0), folder, given, extra) as stack:
        base = stack.urls["KASAL_GATEWAY_URL"] + "/api/v1"
        amqp_url = stack.urls["KASAL_AMQP_URL"]
        yield Platform("stack", base, folder, model, amqp_url=amqp_url, stack=stack)
