"""Asking servers for their tools, and reading what they said from a database.

Covers: crews.peers.mcp_servers, crews.store.mcp_servers
"""

import asyncio
import threading
from typing import Any

import pytest
from aiohttp import web

from common.mcp.server import AllowedCommands, McpAddress
from common.security.outgoing import OutgoingGuard
from common.security.sealing import Sealer
from common.times import utc_now
from crews.domain.mcp_servers import Inventory, RegisteredServer
from crews.peers.mcp_servers import McpServersOverTheNetwork
from crews.store.mcp_servers import MongoMcpServers
from crews.store.migrations import indexes

SAID = {
    "resultType": "complete",
    "ttlMs": 0,
    "cacheScope": "private",
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {}},
    "tools": [{"name": "t", "inputSchema": {"type": "object"}}],
}


class Site:
    """One server that answers, and others that do so only when they may."""

    def __init__(self) -> None:
        self.came = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if request.path != "/good":
            self.came.release()
            await self.go_on.wait()
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], "result": SAID})


@pytest.fixture
async def host():
    app, site = web.Application(), Site()
    app.router.add_post("/{name}", site.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"127.0.0.1:{runner.addresses[0][1]}", site
    await runner.cleanup()


async def test_servers_that_do_not_answer_hold_up_their_own_workspace_only(host):
    place, site = host
    asker = McpServersOverTheNetwork(OutgoingGuard([place]), AllowedCommands.of(""))

    def ask(workspace: str, path: str) -> "asyncio.Task[Any]":
        address = McpAddress("streamable_http", f"http://{place}/{path}")
        return asyncio.create_task(asker.listing(workspace, address))

    hanging = [ask("ws_1", f"hangs{n}") for n in range(4)]
    for _ in hanging:
        await site.came.acquire()
    later = ask("ws_1", "good")
    assert [tool.name for tool in (await ask("ws_2", "good")).tools] == ["t"]
    assert not later.done()
    site.go_on.set()
    assert len(await asyncio.gather(*hanging, later)) == 5
    await asker.close()


async def test_what_servers_said_is_read_beside_the_loop(store_database: Any, monkeypatch) -> None:
    database = store_database("crews")
    await indexes(database)
    store = MongoMcpServers(database, Sealer("the first secret key", "m"))
    now = utc_now()
    inventory = Inventory(asked_at=now, fresh_until=now)
    for n in (2, 1):
        server = RegisteredServer(
            id=f"mcp_{n}",
            workspace_id="ws_1",
            name=f"desk{n}",
            url="https://desk.example/mcp",
            created_at=now,
            inventory=inventory,
        )
        await store.add(server, None)
    read, threads = MongoMcpServers._entry, set()

    def noted(self: MongoMcpServers, document: Any) -> RegisteredServer:
        threads.add(threading.get_ident())
        return read(self, document)

    monkeypatch.setattr(MongoMcpServers, "_entry", noted)
    assert [server.id for server in await store.all("ws_1")] == ["mcp_1", "mcp_2"]
    assert threading.get_ident() not in threads
