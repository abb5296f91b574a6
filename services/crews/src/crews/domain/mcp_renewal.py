"""Asks servers again whose lists of tools are out of date, in the background."""

from collections.abc import Sequence

from common.process.background import Background
from common.times import utc_now
from crews.domain.mcp_catalog import McpCatalog
from crews.domain.mcp_servers import RegisteredServer

_AT_ONCE = 8


class Renewal:
    """Renews lists when they are looked at: who looks gets the old one at once, the next one the new."""

    def __init__(self, catalog: McpCatalog, background: Background) -> None:
        self._catalog = catalog
        self._background = background
        self._under_way: set[str] = set()

    def look(self, servers: Sequence[RegisteredServer]) -> None:
        """Ask those of `servers` again whose lists are out of date, unless enough are being asked."""
        now = utc_now()
        for server in servers:
            due = server.inventory.fresh_until <= now and server.id not in self._under_way
            if due and len(self._under_way) < _AT_ONCE:
                self._under_way.add(server.id)
                work = self._renew(server)
                self._background.start(work, name="renew an MCP server", server_id=server.id)

    async def _renew(self, server: RegisteredServer) -> None:
        try:
            await self._catalog.renew(server)
        finally:
            self._under_way.discard(server.id)
