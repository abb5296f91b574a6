"""Letting what was just begun get ahead of the caller, on one event loop."""

import asyncio

_TURNS = 2
"""One in which a publishing task makes its frame, one in which the client library writes it."""


async def let_messages_leave() -> None:
    """Return when a message whose publishing was just begun as a task is on its way to the broker.

    Somebody waits for it, while the caller is about to keep the loop busy. That it has left is likely,
    not sure: nothing may depend on it.
    """
    for _ in range(_TURNS):
        await asyncio.sleep(0)
