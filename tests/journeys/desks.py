"""The server of `mcp_desk` as a program, for journeys and for the console."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from kasal_platform.local.program import free_port

CONSOLE_PORT = free_port()
"""Where the console's tests have it; those of journeys have theirs beside it."""


@contextlib.asynccontextmanager
async def running_desk(port: int, log: Path) -> AsyncIterator[str]:
    """Run it, and yield its address once it answers. It notes its effects in `log`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("mcp_desk.py")),
        str(port),
        env={"PATH": "/usr/bin:/bin", "MCP_DESK_LOG": str(log)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        await _answers(url)
        yield url
    finally:
        process.kill()
        await process.wait()


async def _answers(url: str) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(60):
        while True:
            try:
                async with http.get(url):
                    return
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.1)
