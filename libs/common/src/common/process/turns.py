"""Letting a task that was just created run before its creator continues."""

import asyncio

_TURNS = 2
"""In the first, a publishing task builds its frame; in the second, the client library writes it."""


async def let_messages_leave() -> None:
    """Return when a message that a new task publishes has probably been sent to the broker.

    Somebody waits for the message, and the caller is about to keep the loop busy. Nothing may depend on
    the message having been sent.
    """
    for _ in range(_TURNS):
        await asyncio.sleep(0)
