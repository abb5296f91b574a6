"""An application under test behind a real HTTP server on a free loopback port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from starlette.types import ASGIApp

from common.client import ServiceClient
from common.process.starting import refusal
from common.web.server import bind_tcp, server_for


@dataclass(frozen=True)
class Served:
    """A running application: its `url`, a `ServiceClient` of it, and a raw `http` session.

    The raw session takes paths (`http.get("/healthz")`) and returns status and headers unchanged.
    """

    url: str
    client: ServiceClient
    http: aiohttp.ClientSession


@asynccontextmanager
async def serve(app: ASGIApp, *, port: int = 0) -> AsyncIterator[Served]:
    """Serve `app`, its lifespan included, while the block runs. Raises what its start raises."""
    bound = bind_tcp("127.0.0.1", port)
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    server = server_for(app, grace=1.0)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if running.done():
                await running
                reason = refusal(app) or "its log says why"
                raise RuntimeError(f"the application did not start: {reason}")
            await asyncio.sleep(0.005)
        async with (
            ServiceClient("tested", url) as client,
            aiohttp.ClientSession(base_url=url) as session,
        ):
            yield Served(url, client, session)
    finally:
        server.stop()
        await running
        bound.close()
