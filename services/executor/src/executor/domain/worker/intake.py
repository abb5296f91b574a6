"""Taking jobs: storing those that come over the bus, and claiming jobs for this worker."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from common.contracts.crew import CrewSnapshot
from common.contracts.events import ExecutionStatus
from common.contracts.messages import JobSubmitted
from common.errors import InvalidRequest, KasalError, NotFound
from common.logs import get_logger
from common.process.backoff import Backoff
from common.times import utc_now
from executor.domain.ending.settlement import Settlement
from executor.domain.inputs.checks import runnable_crew
from executor.domain.inputs.ports import Crews
from executor.domain.log import moves
from executor.domain.log.appender import carry_out
from executor.domain.log.execution import READS, Execution, JobStep
from executor.domain.log.journal import Superseded, TooLarge
from executor.domain.log.ports import Executions
from executor.domain.meters import Meters, NoMeters

log = get_logger(__name__)

_BACKOFF = Backoff.doubling(1.0, 30.0)
_PATIENCE = 10.0


class ForeignJob(Exception):  # noqa: N818 - it names the message, not a fault of ours
    """A message names a job of another workspace."""


@dataclass(slots=True)
class _Delay:
    until: float
    failures: int
    workspace_id: str


class Intake:
    """Stores and claims jobs for one worker.

    `limit` is how many owners a job may lose before it is given up.
    """

    def __init__(
        self,
        worker_id: str,
        executions: Executions,
        crews: Crews,
        settlement: Settlement,
        limit: int = 5,
        meters: Meters | None = None,
    ) -> None:
        self._worker_id = worker_id
        self._executions = executions
        self._crews = crews
        self._settlement = settlement
        self._limit = limit
        self._meters = meters or NoMeters()
        self._delays: dict[str, _Delay] = {}

    async def store_job(self, message: JobSubmitted, traceparent: str) -> Execution:
        """Return the job of `message`; store it first if it is new. Raises `ForeignJob`."""
        job = await self._executions.find(message.job_id)
        if job is None:
            job = _new_job(message, traceparent, utc_now())
            if not await self._executions.insert(job):
                job = await self._executions.find(message.job_id)
        if job is None or job.workspace_id != message.workspace_id:
            raise ForeignJob(f"The job {message.job_id} belongs to another workspace.")
        return job

    @staticmethod
    def job_from_message(message: JobSubmitted) -> Execution | None:
        """Return the job as `message` says it was stored, or None if the message does not say.

        This saves a read. A claim fails if the ticket is not that of the stored job.
        """
        told = message.stored
        if told is None or told.format > READS:
            return None
        return Execution(
            job_id=message.job_id,
            workspace_id=message.workspace_id,
            crew_id=message.crew_id,
            crew_version=told.snapshot.version,
            created_at=told.created_at,
            traceparent=told.traceparent,
            requested_by=message.requested_by,
            inputs=message.inputs,
            snapshot=told.snapshot,
            ticket=told.ticket,
            format=told.format,
        )

    @property
    def delayed(self) -> Counter[str]:
        """How many queued jobs of each workspace wait for crews to answer."""
        long_ago = asyncio.get_running_loop().time() - 2 * _BACKOFF.steps[-1]
        # Forget old ones: a job that was stopped or claimed elsewhere never comes back here.
        self._delays = {j: delay for j, delay in self._delays.items() if delay.until > long_ago}
        return Counter(delay.workspace_id for delay in self._delays.values())

    def on_last_claim(self, lost_claims: int) -> bool:
        """Say whether a job that has lost this many workers is given up at the next loss."""
        return 0 < lost_claims == self._limit - 1

    async def claim(self, job: Execution, *, lost: bool = False) -> Execution | None:
        """Claim `job` for this worker; return None if another was faster or it cannot run now.

        `lost` says that its owner is dead. A job without a snapshot gets one first. A job that cannot
        run at all is ended here.
        """
        if job.status not in moves.CLAIMABLE or (job.owner is not None and not lost):
            return None
        snapshot = job.snapshot or await self._fetch_crew(job)
        if snapshot is None:
            return None
        step = moves.claim(
            job, self._worker_id, utc_now(), lost=lost, limit=self._limit, snapshot=snapshot
        )
        if step.after.final:
            log.error("a job is given up", job_id=job.job_id, lost_claims=job.lost_claims + 1)
            await self._end(step)
            return None
        try:
            await carry_out(self._executions, step, _PATIENCE)
        except Superseded:
            return None
        except TooLarge as fault:
            code, message = "VALIDATION_ERROR", f"The crew and the inputs cannot be stored: {fault}"
            await self._end(
                moves.refuse(job, self._worker_id, utc_now(), code=code, message=message)
            )
            return None
        return step.after

    async def _end(self, step: JobStep) -> None:
        try:
            await carry_out(self._executions, step, _PATIENCE)
        except Superseded:
            return
        log.info("a job has ended", **step.after.log_fields)
        self._meters.count_ended(step.after.status, step.after.seconds_run, step.after.error_code)
        self._settlement.add(step.after)

    async def _fetch_crew(self, job: Execution) -> CrewSnapshot | None:
        """Return the crew of a job that came over the bus; end the job if it cannot run.

        Returns None if the job was ended, or if crews is down and the job stays queued for now.
        """
        delay = self._delays.get(job.job_id)
        now = asyncio.get_running_loop().time()
        if delay is not None and now < delay.until:
            return None
        try:
            snapshot = await runnable_crew(
                self._crews, job.workspace_id, job.crew_id, job.inputs, version=job.crew_version
            )
        except (NotFound, InvalidRequest) as fault:
            self._delays.pop(job.job_id, None)
            await self._end(
                moves.refuse(
                    job, self._worker_id, utc_now(), code=fault.code, message=fault.message
                )
            )
            return None
        except KasalError as fault:  # crews is down, or does not accept our credentials
            failures = delay.failures + 1 if delay else 1
            until = now + _BACKOFF.pause(failures)
            self._delays[job.job_id] = _Delay(until, failures, job.workspace_id)
            log.warning("a job waits for its crew", job_id=job.job_id, reason=str(fault))
            return None
        self._delays.pop(job.job_id, None)
        return snapshot


def _new_job(message: JobSubmitted, traceparent: str, now: datetime) -> Execution:
    return Execution(
        job_id=message.job_id,
        workspace_id=message.workspace_id,
        crew_id=message.crew_id,
        crew_version=message.version,
        created_at=now,
        status=ExecutionStatus.QUEUED,
        traceparent=traceparent,
        requested_by=message.requested_by,
        inputs=message.inputs,
    )
