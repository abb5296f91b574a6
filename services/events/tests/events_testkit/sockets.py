"""What a test says to a WebSocket and hears from it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from events_testkit.platform import ENDS
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed


async def say(socket: ClientConnection, **frame: Any) -> None:
    await socket.send(json.dumps(frame))


async def hear(socket: ClientConnection, within: float = 60.0) -> dict[str, Any]:
    async with asyncio.timeout(within):
        heard: dict[str, Any] = json.loads(await socket.recv())
    return heard


async def hear_end(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return all frames up to a job's terminal event."""
    heard: list[dict[str, Any]] = []
    while not heard or not (heard[-1].get("seq") and heard[-1]["type"] in ENDS):
        heard.append(await hear(socket))
    return heard


async def until(holds: Callable[[], object], within: float = 60.0) -> None:
    """Return once `holds()` is true."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - what is waited for is in another task, or process
            await asyncio.sleep(0.005)


async def drained(socket: ClientConnection) -> tuple[int | None, list[dict[str, Any]]]:
    """Return the code the server closes with, and the frames before that."""
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
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
