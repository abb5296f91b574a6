"""What a worker repeats in the background until it stops."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from common.errors import Unavailable
from common.logs import get_logger
from common.process.background import Background
from common.process.cancellation import told_to_stop

log = get_logger(__name__)

_RETRY = 0.5


class Rounds:
    """The background tasks of one worker. A fault ends one round, never the repetition."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self._background = Background()

    def every(self, seconds: float, call: Callable[[], Awaitable[None]], name: str) -> None:
        """Repeat `call`, with `seconds` between two calls."""
        attempt = partial(_attempt, call)
        self.tasks.append(self._background.repeat(attempt, every=seconds, name=name, at_once=False))

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work`, which repeats itself, as a task."""
        self.tasks.append(self._background.start(work, name=name))

    def once(self, call: Callable[[], Awaitable[None]], name: str) -> None:
        """Call it now, in the background. A fault is logged."""
        self.tasks.append(self._background.start(_attempt(call), name=name))

    async def stop(self) -> None:
        """Cancel all tasks and wait for them."""
        await self._background.close()


async def _attempt(call: Callable[[], Awaitable[None]]) -> None:
    try:
        await call()
    except Unavailable as fault:
        log.warning("the worker waits for the store", reason=str(fault))
    except Exception:
        log.exception("a worker's round failed and will be repeated")


async def until_reached(call: Callable[[], Awaitable[None]]) -> None:
    """Repeat `call` until the store answers."""
    while True:
        try:
            return await call()
        except Unavailable as fault:
            if told_to_stop():
                raise asyncio.CancelledError from fault
            log.warning("the worker waits for the store", reason=str(fault))
            await asyncio.sleep(_RETRY)
