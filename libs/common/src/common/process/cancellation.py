"""Telling a requested cancellation from one that a library caused."""

import asyncio
from collections.abc import Awaitable


def told_to_stop() -> bool:
    """Return whether somebody cancelled the current task, including an `asyncio.timeout`."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def unless_cut_off(work: Awaitable[object]) -> None:
    """Await `work`. Raises `RuntimeError` if it is cancelled although nobody cancelled this task.

    A library that gives up a connection may cancel the calls that wait on it. A loop that took such a
    cancellation for its own would end, and nothing would say so.
    """
    try:
        await work
    except asyncio.CancelledError as fault:
        if told_to_stop():
            raise
        raise RuntimeError("A library cancelled the work.") from fault
