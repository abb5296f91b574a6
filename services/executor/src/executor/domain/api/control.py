"""What a caller can do to an existing job: stop it or answer it."""

import asyncio
from collections.abc import Awaitable, Callable

from common.contracts.events import ExecutionStatus
from common.errors import Conflict, NotFound, Unavailable
from common.identity import Role
from common.logs import get_logger
from common.times import utc_now
from executor.domain.api import answering
from executor.domain.ending.settlement import Settlement
from executor.domain.log import moves
from executor.domain.log.execution import Execution, JobStep
from executor.domain.log.outbox import Outbox
from executor.domain.log.ports import Executions
from executor.domain.log.questions import Answer
from executor.domain.meters import Meters, NoMeters

log = get_logger(__name__)

_WITHIN, _TRIES = 5.0, 5
"""Seconds for which a move is retried while the job's own writer is faster, and the fewest tries, however long each takes."""


class Control:
    """Moves made by the API. Each is one write and waits for no worker."""

    def __init__(
        self,
        executions: Executions,
        outbox: Outbox,
        settlement: Settlement,
        meters: Meters | None = None,
    ) -> None:
        self._executions = executions
        self._outbox = outbox
        self._settlement = settlement
        self._meters = meters or NoMeters()

    async def stop(self, workspace_id: str, job_id: str) -> Execution:
        """End a job as stopped. A job that is already stopped stays as it is.

        Raises `NotFound`, `Conflict` for a completed or failed job, `Unavailable`.
        """
        step = await self._move(workspace_id, job_id, _stop)
        if isinstance(step, Execution):
            return step
        self._announce_end(step)
        return step.after

    async def answer(
        self,
        workspace_id: str,
        job_id: str,
        said: Answer,
        *,
        by: str,
        role: Role,
        question_id: str | None,
    ) -> Execution:
        """Give the answer of `by`, who has the `role`, to a job, which then continues or ends.

        Without a `question_id` it answers the only open question. Repeating the same answer changes
        nothing. Raises `NotFound`, also for a question that the job never asked, `InvalidRequest`, also
        if several are open, `Forbidden` for too low a role, `Conflict` for a job that does not wait and
        for a question with a different answer, and `Unavailable`.
        """

        async def move(job: Execution) -> JobStep | Execution:
            return await answering.move(
                self._executions, job, said, by=by, role=role, question_id=question_id
            )

        step = await self._move(workspace_id, job_id, move)
        if isinstance(step, Execution):
            return step
        if step.after.final:
            self._announce_end(step)
        else:
            self._outbox.send_events(step.after, step.records)
            if step.after.owner is None:
                self._outbox.send_submission(step.after)
        return step.after

    def _announce_end(self, step: JobStep) -> None:
        log.info("a job has ended", **step.after.log_fields)
        self._meters.count_ended(step.after.status, step.after.seconds_run, step.after.error_code)
        self._outbox.send_stop(step.after, step.records)
        self._settlement.add(step.after)

    async def _move(
        self,
        workspace_id: str,
        job_id: str,
        move: Callable[[Execution], Awaitable[JobStep | Execution]],
    ) -> JobStep | Execution:
        until, tries = asyncio.get_running_loop().time() + _WITHIN, 0
        while tries < _TRIES or asyncio.get_running_loop().time() < until:
            tries += 1
            job = await job_of_workspace(self._executions, workspace_id, job_id)
            step = await move(job)
            if isinstance(step, Execution) or await self._executions.apply(step):
                return step
        raise Unavailable(f"The job {job_id} is changing too fast; try again.")


async def _stop(job: Execution) -> JobStep | Execution:
    if job.status == ExecutionStatus.STOPPED:
        return job
    if job.final:
        raise Conflict(
            f"The job {job.job_id} is {job.status} and cannot be stopped.",
            details={"status": job.status.value},
        )
    return moves.stop(job, utc_now())


async def job_of_workspace(executions: Executions, workspace_id: str, job_id: str) -> Execution:
    """Return the head of the workspace's job. Raises `NotFound`, also for another workspace's job."""
    job = await executions.head(job_id)
    if job is None or job.workspace_id != workspace_id:
        raise NotFound(f"There is no job {job_id}.")
    return job
