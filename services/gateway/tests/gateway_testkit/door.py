"""A running gateway."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from common.web.server import bind_tcp, server_for

SECRET = "a secret that the services share"


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
            async with asyncio.timeout(60):
                return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
