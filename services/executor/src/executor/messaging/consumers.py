"""Consumes submitted jobs, stops, and wishes to see texts, for a worker."""

import asyncio
from collections.abc import Callable

from common.bus import Bus, Consumer, DeadLetter, Message, Subscription, context_headers, decode
from common.contracts.messages import DeltasWanted, JobStop, JobSubmitted, ModelsChanged
from common.contracts.topology import CONTROL, JOBS_QUEUE, WATCHING
from common.process.background import Background
from executor.domain.worker.intake import ForeignJob
from executor.domain.worker.wishes import Wishes
from executor.domain.worker.worker import Worker

_PREFETCH = 16


class WorkerConsumers:
    """Hands jobs and stops to a worker; pauses while the worker has no place for any job.

    It continues when only the slots are taken: after the jobs of one workspace there may be one of
    another, for which there is the reserve. `forget` is told which workspaces have changed how they
    reach models.
    """

    def __init__(
        self,
        bus: Bus,
        worker: Worker,
        wishes: Wishes,
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._bus = bus
        self._forget = forget
        self._worker = worker
        self._wishes = wishes
        self._jobs: Consumer | None = None
        self._stops: Subscription | None = None
        self._wanted: Subscription | None = None
        self._paused = False
        self._switching = asyncio.Lock()
        self._switches = Background()

    async def start(self) -> None:
        """Subscribe to stops first, so that no stop of a job taken here is missed."""
        self._stops = await self._bus.subscribe(CONTROL, self._stop)
        self._wanted = await self._bus.subscribe(WATCHING, self._wish)
        prefetch = max(1, min(_PREFETCH, self._worker.runs.places.room))
        self._worker.on_free = self._adapt
        self._jobs = await self._bus.consume(JOBS_QUEUE, self._take_job, prefetch=prefetch)

    async def stop_taking(self) -> None:
        """Stop taking jobs; stops still arrive."""
        self._worker.on_free = lambda: None
        if self._jobs is not None:
            await self._jobs.cancel()

    async def close(self) -> None:
        await self._switches.close()
        if self._stops is not None:
            await self._stops.cancel()
        if self._wanted is not None:
            await self._wanted.cancel()

    async def _take_job(self, message: Message) -> None:
        # Of the span around this call: runs continue it, even on other workers.
        traceparent = context_headers().get("traceparent", "")
        try:
            await self._worker.take(decode(message, JobSubmitted), traceparent)
        except ForeignJob as fault:
            raise DeadLetter(str(fault)) from fault
        self._adapt()

    async def _stop(self, message: Message) -> None:
        if message.type == ModelsChanged.message_type:
            self._forget(decode(message, ModelsChanged).workspace_id)
            return
        self._worker.cut_off(decode(message, JobStop).job_id)

    async def _wish(self, message: Message) -> None:
        wanted = decode(message, DeltasWanted)
        self._wishes.note(wanted.job_ids, wanted.seconds, wanted.workspace_ids)

    def _adapt(self) -> None:
        """Pause or resume the consumer as the free places require."""
        if (self._worker.runs.places.room <= 0) != self._paused:
            self._switches.start(self._switch(), name="pause or resume jobs")

    async def _switch(self) -> None:
        async with self._switching:
            full = self._worker.runs.places.room <= 0
            if self._jobs is None or full == self._paused:
                return
            self._paused = full
            await (self._jobs.pause() if full else self._jobs.resume())
