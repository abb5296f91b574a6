"""Asks MCP servers for their tools."""

import asyncio
from weakref import WeakValueDictionary

from common.mcp.pool import McpPool
from common.mcp.server import AllowedCommands, Listing, McpAddress
from common.process.background import Background
from common.security.outgoing import OutgoingGuard

_IDLE = 2.0
"""Seconds for which a connection is kept: a server is asked once, and then rarely."""
_AT_ONCE = 4
"""Servers of one workspace that one process asks at the same time."""


class McpServersOverTheNetwork:
    """Implements `ServerAsker`. Servers that do not answer hold up those of their own workspace only."""

    def __init__(self, hosts: OutgoingGuard, commands: AllowedCommands) -> None:
        self._pool = McpPool(hosts, commands, _IDLE)
        self._places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """By workspace, as long as somebody waits for one or has one."""
        self.background = Background()
        """What asks servers beside requests; ends when the connections are closed."""

    async def listing(self, workspace_id: str, address: McpAddress) -> Listing:
        places = self._places.setdefault(workspace_id, asyncio.Semaphore(_AT_ONCE))
        async with places, self._pool.connection(workspace_id, address) as connection:
            return await connection.listing()

    async def close(self) -> None:
        """Close the connections."""
        await self.background.close()
        await self._pool.close()
