"""Telling a requested cancellation from one that a library caused."""

import asyncio


def told_to_stop() -> bool:
    """Return whether somebody cancelled the current task, including an `asyncio.timeout`."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
