"""The connections of one process to servers: one each, opened when needed and closed when idle."""

import asyncio
import importlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from common.mcp.server import AllowedCommands, McpAddress, McpFault
from common.security.outgoing import OutgoingGuard

if TYPE_CHECKING:
    from common.mcp.connection import Connection

IDLE = 60.0
"""Seconds after which a connection that nobody uses is closed."""
_MOST = 64
"""Connections of one process; beyond that, the one that was idle longest makes room."""
_AT_ONCE = 16
"""Calls of one connection that are made at the same time."""


class _Held:
    """A connection, and who uses it."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.opening = asyncio.Lock()
        self.places = asyncio.Semaphore(_AT_ONCE)
        self.users = 0
        self.timer: asyncio.TimerHandle | None = None


class McpPool:
    """Holds connections by key and address. Whoever has other credentials has another connection."""

    def __init__(self, guard: OutgoingGuard, commands: AllowedCommands, idle: float = IDLE) -> None:
        self._guard = guard
        self._commands = commands
        self._idle = idle
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def connection(self, key: Hashable, address: McpAddress) -> AsyncIterator["Connection"]:
        """Yield the open connection of `key` to `address`; opens it if there is none. Raises `McpFault`."""
        if address.transport == "stdio" and not self._commands.allow(address.target):
            raise McpFault(
                "its command is not among those that the platform's operator allows (KASAL_MCP_STDIO)",
                unmade=True,
            )
        place = (key, address.transport, address.target, tuple(sorted(address.headers.items())))
        held = self._take(place)
        try:
            async with held.places:
                yield await self._open(held, address)
        finally:
            self._give_back(place, held)

    def _take(self, place: Hashable) -> _Held:
        held = self._held.get(place)
        if held is None:
            self._make_room()
            held = self._held[place] = _Held()
        self._held.move_to_end(place)
        held.users += 1
        if held.timer is not None:
            held.timer.cancel()
            held.timer = None
        return held

    def _make_room(self) -> None:
        if len(self._held) < _MOST:
            return
        idle = next((place for place, held in self._held.items() if not held.users), None)
        if idle is None:
            raise McpFault("this process has as many connections as it may", unmade=True)
        self._drop(idle)

    async def _open(self, held: _Held, address: McpAddress) -> "Connection":
        async with held.opening:
            if held.connection is not None and held.connection.broken:
                await held.connection.close()
                held.connection = None
            if held.connection is None:
                module = await asyncio.to_thread(importlib.import_module, "common.mcp.connection")
                made: Connection = module.Connection(address, self._guard)
                await made.open()
                held.connection = made
            return held.connection

    def _give_back(self, place: Hashable, held: _Held) -> None:
        held.users -= 1
        if held.users:
            return
        broken = held.connection is None or held.connection.broken
        pause = 0.0 if broken else self._idle
        held.timer = asyncio.get_running_loop().call_later(pause, self._drop, place)

    def _drop(self, place: Hashable) -> None:
        """Close a connection that nobody uses, in the background."""
        held = self._held.get(place)
        if held is None or held.users:
            return
        del self._held[place]
        if held.timer is not None:
            held.timer.cancel()
        if held.connection is not None:
            task = asyncio.create_task(held.connection.close(), name="close mcp connection")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all connections."""
        held, self._held = self._held, OrderedDict()
        for one in held.values():
            if one.timer is not None:
                one.timer.cancel()
        left = [one.connection.close() for one in held.values() if one.connection is not None]
        await asyncio.gather(*left, *self._closing, return_exceptions=True)
