"""Jobs that arrive by message: claimed at once, or when it is their workspace's turn."""

import asyncio
from dataclasses import dataclass

from common.contracts.messages import JobSubmitted
from common.errors import Unavailable
from common.logs import get_logger
from common.storage.formats import NewerFormat
from executor.domain.log.execution import Execution
from executor.domain.worker.claims import Claims
from executor.domain.worker.intake import Intake
from executor.domain.worker.queued import Queued
from executor.domain.worker.runs import Runs
from executor.domain.worker.turns import Turns

log = get_logger(__name__)

_IDLE = 1.0
"""Seconds without a delivery after which queued jobs are taken from the store, oldest first."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A queued job. `message` is the message it came from, unless the job was read from the store."""

    job: Execution
    message: JobSubmitted | None = None
    traceparent: str = ""


class Arrivals:
    """Takes jobs as they are delivered. Those without a free place wait here or in the store."""

    def __init__(self, intake: Intake, runs: Runs, claims: Claims, queued: Queued) -> None:
        self._intake = intake
        self._runs = runs
        self._claims = claims
        self._queued = queued
        self._turns = Turns[_Arrival](2 * runs.places.rule.slots)
        self._claiming: set[asyncio.Task[None]] = set()
        self._delivered = float("-inf")

    @property
    def idle(self) -> bool:
        """Whether no job has been delivered for a while."""
        return asyncio.get_running_loop().time() - self._delivered >= _IDLE

    async def take(self, message: JobSubmitted, traceparent: str) -> None:
        """Store and claim the job of `message`, or let it wait for its workspace's turn.

        Raises `ForeignJob`, and `Unavailable` if the job could not be stored.
        """
        self._delivered = asyncio.get_running_loop().time()
        job = self._intake.job_from_message(message)
        if job is not None:
            if not self._admits(job):
                self._keep(_Arrival(job, message, traceparent))
                return
            if await self._claims.claim(job):
                return
        await self._take_stored(message, traceparent)

    async def _take_stored(self, message: JobSubmitted, traceparent: str) -> None:
        try:
            job = await self._intake.store_job(message, traceparent)
            if not await self._claims.claim(job) and not self._admits(job):
                self._keep(_Arrival(job))
        except NewerFormat as fault:  # a newer worker will find it in the store
            log.info("a job is left to a newer worker", job_id=message.job_id, reason=str(fault))

    def _admits(self, job: Execution) -> bool:
        workspace = job.workspace_id
        return self._runs.places.admits(workspace) and not self._turns.waits(workspace)

    def _keep(self, arrival: _Arrival) -> None:
        """Let a stored job wait here, or, if there is no room, remember to look for it in the store."""
        workspace = arrival.job.workspace_id
        if self._runs.places.room <= 0 or not self._turns.add(workspace, arrival):
            self._queued.remember([workspace], left_here=True)

    def claim_next(self) -> None:
        """Claim jobs that wait here, as far as there are free places."""
        places = self._runs.places
        while (arrival := self._turns.next(places.count_of, places.admits)) is not None:
            if self._runs.reserve(arrival.job.job_id, arrival.job.workspace_id):
                task = asyncio.create_task(self._claim_waiting(arrival), name="claim")
                self._claiming.add(task)
                task.add_done_callback(self._claiming.discard)

    async def _claim_waiting(self, arrival: _Arrival) -> None:
        job = arrival.job
        try:
            if not await self._claims.claim_reserved(job) and arrival.message is not None:
                await self._take_stored(arrival.message, arrival.traceparent)
        except Unavailable as fault:  # it is queued in the store and will be found there
            log.warning("a job is left in the store", job_id=job.job_id, reason=str(fault))
            self._queued.remember([job.workspace_id])
        except Exception:  # too late for a dead letter: the message has been acknowledged
            log.exception("a job could not be claimed", job_id=job.job_id)

    def clear(self) -> None:
        """Forget the jobs that wait here: they are in the store."""
        self._turns.clear()
