"""What is left to do when a job has ended: copy its tail, publish it, count it, close it.

A job whose whole log is still in its tail keeps it there. That saves one document per event, and readers
join tail and traces anyway; the appender bounds the tail. Jobs that end at the same time are settled
together. Each part may safely be repeated, and a job stays open until all are done: a sweep finds jobs
that this process did not finish.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Sequence

from common.errors import Unavailable
from common.logs import get_logger
from common.process.background import Background
from common.process.cancellation import told_to_stop
from executor.domain.ending.ports import Counters
from executor.domain.ending.tallies import ending_of
from executor.domain.log.execution import Execution
from executor.domain.log.ports import Announcements, Executions
from executor.domain.log.records import Record
from executor.domain.meters import OutboxSize

log = get_logger(__name__)

_BATCH = 100
_LINGER = 0.25
"""Seconds for which ended jobs are collected: one write counts all of a crew, one command closes all."""
_PAUSE = 2.0
"""Seconds until a job that could not be settled is tried again."""
_PAGE = 500
_HELD = 10_000
"""Jobs that are held at a time; the others are left to a sweep."""


class Settlement:
    """Settles ended jobs in the background, from `start` to `stop`.

    Jobs that end within `linger` seconds are settled together; nobody waits for it.
    """

    def __init__(
        self,
        executions: Executions,
        counters: Counters,
        bus: Announcements,
        linger: float = _LINGER,
    ) -> None:
        self._executions = executions
        self._counters = counters
        self._bus = bus
        self._linger = linger
        self._waiting: dict[str, Execution] = {}
        self._wake = asyncio.Event()
        self._enough = asyncio.Event()
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._background = Background()
        self._later: set[asyncio.TimerHandle] = set()
        self._since: dict[str, float] = {}

    def start(self) -> None:
        self._background.keep(self._work, name="settlement")

    async def stop(self, grace: float = 2.0) -> None:
        """Settle the waiting jobs, for at most `grace` seconds."""
        for timer in self._later:
            timer.cancel()
        self._stopping = True
        self._enough.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._idle.wait()
        await self._background.close()

    def add(self, job: Execution) -> None:
        """Queue the ended `job` for settlement. Adding it again is harmless."""
        if len(self._since) >= _HELD and job.job_id not in self._since:
            return
        self._waiting.setdefault(job.job_id, job)
        self._since.setdefault(job.job_id, time.monotonic())
        self._idle.clear()
        self._wake.set()
        if len(self._waiting) >= _BATCH:
            self._enough.set()

    def outbox_size(self) -> OutboxSize:
        """Return how many ended jobs are not settled yet, and since when the oldest has waited."""
        return OutboxSize(jobs=len(self._since), since=min(self._since.values(), default=None))

    def holds(self, job_id: str) -> bool:
        """Say whether the job is being settled here or will be retried."""
        return job_id in self._since

    async def _work(self) -> None:
        while not told_to_stop():
            if not self._waiting:  # else it starts again after a fault
                await self._wake.wait()
            await self._gather()
            self._wake.clear()
            while self._waiting:
                batch = list(self._waiting.values())[:_BATCH]
                left = await self._attempt(batch)
                again = {job.job_id for job in left}
                for job in batch:
                    self._waiting.pop(job.job_id, None)
                    if job.job_id not in again:
                        self._since.pop(job.job_id, None)
                for job in left:
                    self._again(job)
            self._idle.set()

    async def _gather(self) -> None:
        """Wait for more jobs, until there are enough of them or the settlement stops."""
        if self._stopping or len(self._waiting) >= _BATCH:
            return
        self._enough.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._linger):
                await self._enough.wait()

    def _again(self, job: Execution) -> None:
        def add() -> None:
            self._later.discard(timer)
            self.add(job)

        timer = asyncio.get_running_loop().call_later(_PAUSE, add)
        self._later.add(timer)

    async def _attempt(self, batch: Sequence[Execution]) -> Sequence[Execution]:
        try:
            return await self.settle(batch)
        except Unavailable as fault:
            log.warning("ended jobs wait to be settled", jobs=len(batch), reason=str(fault))
        except Exception:
            if len(batch) > 1:  # one faulty job must not keep the others open
                return [left for job in batch for left in await self._attempt([job])]
            log.exception("ended jobs could not be settled", jobs=[job.job_id for job in batch])
        return batch

    async def settle(self, batch: Sequence[Execution]) -> Sequence[Execution]:
        """Settle the ended jobs of `batch`; return those that the bus did not accept."""
        whole = {job.job_id for job in batch if job.tail and job.tail[0].seq == 1}
        await self._executions.copy(
            {job.job_id: job.tail for job in batch if job.tail and job.job_id not in whole}
        )
        outcomes = await asyncio.gather(*(self._publish(job) for job in batch))
        if not all(outcomes):
            log.warning("events of ended jobs wait for the bus", jobs=outcomes.count(False))
        through = [job for job, sent in zip(batch, outcomes, strict=True) if sent]
        by_crew: dict[tuple[str, str], list[Execution]] = defaultdict(list)
        for job in through:
            by_crew[job.workspace_id, job.crew_id].append(job)
        for (workspace_id, crew_id), jobs in by_crew.items():
            endings = [ending_of(job) for job in jobs]
            await self._counters.count(workspace_id, crew_id, endings)
        for keep_tails in (True, False):
            done = [job.job_id for job in through if (job.job_id in whole) == keep_tails]
            if done:
                await self._executions.close(done, keep_tails=keep_tails)
        return [job for job, sent in zip(batch, outcomes, strict=True) if not sent]

    async def _publish(self, job: Execution) -> bool:
        published = job.published
        try:
            while published < job.seq:
                records = await self._next_records(job, published)
                await self._bus.publish_events(job, records)
                published = records[-1].seq
        except Unavailable:
            return False
        return True

    async def _next_records(self, job: Execution, published: int) -> Sequence[Record]:
        left = [record for record in job.tail if record.seq > published]
        if left and left[0].seq == published + 1:
            return left
        return await self._executions.records(job.job_id, published, _PAGE)

    async def flush(self, job: Execution) -> None:
        """Copy and publish the tail of a job that waits for a person."""
        if job.tail:
            await self._executions.copy({job.job_id: job.tail})
        if await self._publish(job):
            await self._executions.clear_tail(job)
