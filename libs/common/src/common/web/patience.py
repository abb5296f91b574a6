"""How long a server bears with a client that does not take what it is sent.

A connection is closed behind what is still unsent, so one whose client reads nothing would never
end. All of a server's connections are looked at once a second, which costs them nothing meanwhile.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

_CLOSES_WITHIN = 5.0
"""Seconds that a client has to take the rest once the server has closed."""
_MOVES_WITHIN = 30.0
_MOVES_BY = 8_192
"""A client whose buffer is full must have taken so many bytes within so many seconds."""


class ServerConnection(Protocol):
    """One connection of a server, as a transport's protocol sees it."""

    transport: Any

    def is_stuck(self, now: float) -> bool:
        """Return whether its client has been sent enough and has not taken it for too long."""


class Flow:
    """Mixin of a transport's protocol: notices since when its client takes nothing."""

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
        """Return whether the buffer has been full for long without getting notably emptier."""
        if not self._full_since or now - self._full_since < _MOVES_WITHIN:
            return False
        before = self._unsent
        self._note(now)
        return before - self._unsent < _MOVES_BY

    def _note(self, now: float) -> None:
        self._full_since = now
        self._unsent = self.transport.get_write_buffer_size()


class SlowClients:
    """Breaks off the connections of one server whose clients have had their time."""

    def __init__(self) -> None:
        self._closing: dict[ServerConnection, float] = {}

    def look(self, connections: Iterable[ServerConnection], now: float) -> None:
        """Look at all of them; to be called again and again, `now` in the loop's seconds."""
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
