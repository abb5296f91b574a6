"""Tasks that pass messages to a handler in order, a given number at a time, and stop without losing any."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from common.logs import get_logger
from common.process.cancellation import told_to_stop

log = get_logger(__name__)

T = TypeVar("T")


class WorkQueue(Generic[T]):
    """Items that wait for a worker, oldest first. With a maximum length, the oldest is dropped."""

    def __init__(self, max_length: int | None = None) -> None:
        self.held: deque[T] = deque(maxlen=max_length)
        self._takers: deque[asyncio.Future[T]] = deque()

    def put(self, item: T) -> None:
        if not self._handed_over(item):
            self.held.append(item)

    def put_back(self, item: T) -> None:
        """Put `item` back to the front."""
        if not self._handed_over(item):
            self.held.appendleft(item)

    def take(self) -> asyncio.Future[T]:
        """Return a future of the next item; cancel it to give up."""
        taker: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self.held:
            taker.set_result(self.held.popleft())
        else:
            self._takers.append(taker)
        return taker

    def _handed_over(self, item: T) -> bool:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(item)
                return True
        return False


_MOST_IDLE = 8
"""Tasks that stay for the next items; a thousand that wait take some 8 MB."""


class Workers(Generic[T]):
    """At most `count` tasks that take items from one queue, as many as there is work for.

    `work` gets each item and the event that means stop.

    An item may reach `work` just after that event was set; `work` then has to give it back. What `work`
    raises is logged.
    """

    def __init__(
        self, backlog: WorkQueue[T], work: Callable[[T, asyncio.Event], Awaitable[None]], count: int
    ) -> None:
        self._backlog = backlog
        self._work = work
        self._count = count
        self._stopping = asyncio.Event()
        self._takers: set[asyncio.Future[T]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        # Whoever restarts them may be handling a message, whose log ids must not leak into the tasks.
        self._context = contextvars.copy_context()

    @property
    def stopped(self) -> bool:
        return self._stopping.is_set()

    def start(self) -> None:
        self._stopping = asyncio.Event()
        self._add_task()

    def _add_task(self) -> None:
        task = asyncio.create_task(self._run(self._stopping), context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _make_way(self) -> None:
        """Add tasks for what waits already, and one for what comes next."""
        wanted = len(self._backlog.held) + (0 if self._takers else 1)
        for _ in range(min(wanted, self._count - len(self._tasks))):
            self._add_task()

    def stop(self) -> None:
        """Take no more items; calls in progress continue."""
        self._stopping.set()
        for taker in self._takers:
            taker.cancel()

    async def finish(self, grace: float | None = None) -> None:
        """Stop and wait for the calls in progress; cancel them after `grace` seconds."""
        self.stop()
        # A handler may stop its own consumer; it cannot wait for itself.
        others = self._tasks - {asyncio.current_task()}
        if not others:
            return
        _, late = await asyncio.wait(others, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set() and len(self._takers) < _MOST_IDLE:
            taker = self._backlog.take()
            if not taker.done():
                await self._wait_for(taker)
            # A full queue and a handler that never waits must not block the event loop.
            await asyncio.sleep(0)
            if not taker.cancelled():
                if not stopping.is_set():
                    self._make_way()
                await self._deal_with(taker.result(), stopping)

    async def _wait_for(self, taker: asyncio.Future[T]) -> None:
        self._takers.add(taker)
        try:
            await taker
        except asyncio.CancelledError:
            if told_to_stop():
                raise
        finally:
            self._takers.discard(taker)

    async def _deal_with(self, item: T, stopping: asyncio.Event) -> None:
        """Do the work. Whatever happens, the next item follows."""
        try:
            await self._work(item, stopping)
        except asyncio.CancelledError:
            if told_to_stop():
                raise
            log.warning("a library cancelled the work on a message")
        except Exception:
            log.exception("work on a message failed with a bug")
