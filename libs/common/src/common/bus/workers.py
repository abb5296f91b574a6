"""The tasks that hand messages to a handler: so many at a time, in order, stopped without losing any."""

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
    """What waits for a worker, oldest first; with a length, the oldest falls out."""

    def __init__(self, max_length: int | None = None) -> None:
        self.held: deque[T] = deque(maxlen=max_length)
        self._takers: deque[asyncio.Future[T]] = deque()

    def put(self, item: T) -> None:
        if not self._handed_over(item):
            self.held.append(item)

    def put_back(self, item: T) -> None:
        """Put `item` where it came from: before everything that waits."""
        if not self._handed_over(item):
            self.held.appendleft(item)

    def take(self) -> asyncio.Future[T]:
        """Return the oldest item, or the promise of the next one; cancel it to give up."""
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


class Workers(Generic[T]):
    """`count` tasks over one backlog. `work` gets each item with the event that tells it to stop.

    An item may reach `work` just after that event was set; it then has to give it back. What `work`
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
        # Whoever starts them again may be at work on a message; its ids are not theirs.
        self._context = contextvars.copy_context()

    @property
    def stopped(self) -> bool:
        return self._stopping.is_set()

    def start(self) -> None:
        self._stopping = asyncio.Event()
        for _ in range(self._count):
            task = asyncio.create_task(self._run(self._stopping), context=self._context.copy())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Take no more; calls under way go on."""
        self._stopping.set()
        for taker in self._takers:
            taker.cancel()

    async def finish(self, grace: float | None = None) -> None:
        """Stop, and wait for the calls under way; after `grace` seconds cancel them."""
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
        while not stopping.is_set():
            taker = self._backlog.take()
            self._takers.add(taker)
            try:
                await asyncio.wait({taker})
                # A full queue and a handler that never waits must not hold up the whole loop.
                await asyncio.sleep(0)
            finally:
                self._takers.discard(taker)
            if not taker.cancelled():
                await self._deal_with(taker.result(), stopping)

    async def _deal_with(self, item: T, stopping: asyncio.Event) -> None:
        """Do the work; whatever comes of it, the next item has its turn."""
        try:
            await self._work(item, stopping)
        except asyncio.CancelledError:
            if told_to_stop():
                raise
            log.warning("work on a message was ended from within")
        except Exception:
            log.exception("work on a message failed with a bug")
