"""How long a server tolerates a client that does not read what it is sent.

A connection closes only after all data is sent, so it would never close if its client reads nothing. A
server checks all of its connections once a second, at no cost to the connections themselves.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

_CLOSES_WITHIN = 5.0
"""Seconds that a client has to read the rest after the server has closed."""
_MOVES_WITHIN = 30.0
_MOVES_BY = 8_192
"""A client whose buffer is full must read this many bytes within that many seconds."""


class ServerConnection(Protocol):
    """One connection of a server, as a transport's protocol sees it."""

    transport: Any

    def is_stuck(self, now: float) -> bool:
        """Return whether its client has not read for too long."""


class Flow:
    """Mixin of a transport's protocol: notices since when its client has read nothing."""

    transport: Any
    loop: asyncio.AbstractEventLoop
    _full_since = 0.0
    _unsent = 0

    def pause_writing(self) -> None:
        """The send buffer is full."""
        super().pause_writing()  # type: ignore[misc]
        self._note(self.loop.time())

    def resume_writing(self) -> None:
        """There is room again."""
        self._full_since = 0.0
        super().resume_writing()  # type: ignore[misc]

    def is_stuck(self, now: float) -> bool:
        """Return whether the buffer has been full for long and has hardly shrunk."""
        if not self._full_since or now - self._full_since < _MOVES_WITHIN:
            return False
        before = self._unsent
        self._note(now)
        return before - self._unsent < _MOVES_BY

    def _note(self, now: float) -> None:
        self._full_since = now
        self._unsent = self.transport.get_write_buffer_size()


class SlowClients:
    """Aborts connections of one server whose clients have run out of time."""

    def __init__(self) -> None:
        self._closing: dict[ServerConnection, float] = {}

    def look(self, connections: Iterable[ServerConnection], now: float) -> None:
        """Check all connections; call it repeatedly, with `now` in the loop's seconds."""
        closing: dict[ServerConnection, float] = {}
        for connection in tuple(connections):
            transport = connection.transport
            if transport is None:
                continue
            if transport.is_closing():
                closing[connection] = self._closing.get(connection, now)
                if now - closing[connection] >= _CLOSES_WITHIN:
                    transport.abort()
            elif connection.is_stuck(now):
                transport.abort()
        self._closing = closing
