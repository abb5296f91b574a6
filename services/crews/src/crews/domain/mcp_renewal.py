"""Asks servers again whose lists of tools are out of date, in the background."""

from collections.abc import Sequence

from common.process.background import Background
from common.times import utc_now
from crews.domain.mcp_catalog import McpCatalog
from crews.domain.mcp_servers import RegisteredServer

_AT_ONCE = 2
"""Servers of one workspace that are asked at the same time, so that it can also ask others itself."""
_OF_ALL = 32


class Renewal:
    """Renews lists when they are looked at: who looks gets the old one at once, the next one the new."""

    def __init__(self, catalog: McpCatalog, background: Background) -> None:
        self._catalog = catalog
        self._background = background
        self._under_way: dict[str, str] = {}
        """The workspaces of those being asked, by server."""

    def look(self, servers: Sequence[RegisteredServer]) -> None:
        """Ask those of `servers` again whose lists are out of date, unless enough are being asked."""
        now = utc_now()
        for server in servers:
            due = server.inventory.fresh_until <= now and server.id not in self._under_way
            if due and self._has_room(server.workspace_id):
                self._under_way[server.id] = server.workspace_id
                work = self._renew(server)
                self._background.start(work, name="renew an MCP server", server_id=server.id)

    def _has_room(self, workspace_id: str) -> bool:
        workspaces = list(self._under_way.values())
        return len(workspaces) < _OF_ALL and workspaces.count(workspace_id) < _AT_ONCE

    async def _renew(self, server: RegisteredServer) -> None:
        try:
            await self._catalog.renew(server)
        finally:
            del self._under_way[server.id]
