"""Telling a cancellation that was asked for from one that a library has made up."""

import asyncio


def told_to_stop() -> bool:
    """Say whether somebody has cancelled the current task, an `asyncio.timeout` included."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
