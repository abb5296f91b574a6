"""Concurrent work that ends as one."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from executor.domain.log.journal import Superseded
from executor.engine.faults import RunFault

ResultT = TypeVar("ResultT")


class Together:
    """A group of asyncio tasks; the first that fails ends all the others.

    Not asyncio's `TaskGroup`: that swallows a cancellation that coincides with a fault and, before
    Python 3.13, takes a cancellation of its own for one from outside. A run that is cut off must
    end, whatever else happens.
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []
        self._moved = asyncio.Event()

    def start(self, work: Coroutine[Any, Any, ResultT]) -> asyncio.Task[ResultT]:
        """Start `work`, which may itself start more."""
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._moved.set())
        self._tasks.append(task)
        return task

    async def wait(self) -> None:
        """Wait for all tasks; raise the fault of the one that made the others be cancelled."""
        try:
            while not all(task.done() for task in self._tasks) and not self._faults():
                self._moved.clear()
                await self._moved.wait()
        finally:
            faults = await self._cancel_rest()
        if faults:
            raise min(faults, key=_order) from None

    def _faults(self) -> Sequence[BaseException]:
        over = [task for task in self._tasks if task.done() and not task.cancelled()]
        return [fault for task in over if (fault := task.exception()) is not None]

    async def _cancel_rest(self) -> Sequence[BaseException]:
        left = [task for task in self._tasks if task.cancel()]
        if left:
            await asyncio.wait(left)
        return self._faults()


def _order(fault: BaseException) -> int:
    """Losing the job comes first, then a bug, so that no ordinary fault hides it."""
    if isinstance(fault, Superseded):
        return 0
    return 2 if isinstance(fault, RunFault) else 1
