"""The life of a worker process: connect, take jobs until stopped, hand them back."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from common.bus import Bus
from common.logs import bind_service, get_logger
from common.process.health import Check
from common.process.reaching import wait_for_backend
from common.process.watching import BackendWatch
from common.telemetry import Telemetry
from executor.domain.worker.worker import Worker
from executor.messaging.consumers import WorkerConsumers
from executor.messaging.publishers import BusMemory

log = get_logger(__name__)

_AUDIT = 20.0
"""Seconds between two looks at what dead workers have left of budgets."""
_SHUT_DOWN, _CLOSING = 7.0, 1.0
"""Seconds for handing jobs back, and for each of two steps of closing. In all, a worker promises to stop
within ten seconds plus the time for calls that must not be made twice."""


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker with its connections. Run it once."""

    worker: Worker
    bus: Bus
    consumers: WorkerConsumers
    memory: BusMemory
    telemetry: Telemetry
    checks: dict[str, Check]
    watch: BackendWatch
    needed: frozenset[str]
    prepare: Callable[[], Awaitable[None]]
    warm_up: Callable[[], None] | None
    close: Callable[[], Awaitable[None]]
    eager: bool
    drain_seconds: float = 0.0
    audit: Callable[[], Awaitable[None]] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then hand all jobs back and return.

        Calls in progress that must not be made twice first get up to `drain_seconds` to end; `hasten`
        cuts them off. Raises what prevented the start: `CannotStart` if the database has another schema.
        """
        bind_service("executor")
        beginning = asyncio.create_task(self._begin(), name="begin")
        beginning.add_done_callback(lambda task: stop.set() if _failed(task) else None)
        try:
            async with self.watch.looking():
                await stop.wait()
            log.info("the worker stops", worker=self.worker.worker_id)
        finally:
            beginning.cancel()
            await asyncio.wait({beginning})
            await self._end()
        if _failed(beginning):
            beginning.result()

    def hasten(self) -> None:
        """Stop waiting for calls, now that the process must stop."""
        log.warning("the worker is told to stop at once", worker=self.worker.worker_id)
        self.worker.runs.hasten()

    async def _begin(self) -> None:
        if self.eager and self.warm_up is not None:
            await asyncio.to_thread(self.warm_up)
        await wait_for_backend("mongo", self.prepare)
        await self.worker.start()
        if self.audit is not None:
            self.worker.rounds.every(_AUDIT, self.audit, "budgets")
        await wait_for_backend("bus", self.bus.start)
        await wait_for_backend("bus", self.consumers.start)
        self.worker.look_at_once()
        log.info("the worker takes jobs", worker=self.worker.worker_id)
        if not self.eager and self.warm_up is not None:
            # Only now: importing the model libraries would delay the start of all services.
            await asyncio.to_thread(self.warm_up)

    async def _end(self) -> None:
        # Together with the hand-back, which a handler that waits for the store must not delay.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.drain_seconds + _SHUT_DOWN):
                stopping = self.worker.stop(_SHUT_DOWN, self.drain_seconds)
                await asyncio.gather(self.consumers.stop_taking(), stopping)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await self.memory.close(0.5)
                await self.consumers.close()
                await self.bus.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await self.close()


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None
