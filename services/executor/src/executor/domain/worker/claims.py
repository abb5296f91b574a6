"""Claiming jobs for this worker, each in a place reserved for it."""

import asyncio
import random
from collections.abc import Callable, Sequence

from common.errors import Unavailable
from common.logs import get_logger
from common.storage.formats import NewerFormat
from common.times import utc_now
from executor.domain.log.execution import Execution
from executor.domain.log.ports import Executions
from executor.domain.meters import Meters
from executor.domain.worker.intake import Intake
from executor.domain.worker.runs import Runs

log = get_logger(__name__)

_AT_ONCE = 8
"""How many jobs found in the store are claimed concurrently."""


class Claims:
    """Claims jobs and starts their runs. `dead` returns the dead workers; `made` counts the claims."""

    def __init__(
        self,
        executions: Executions,
        intake: Intake,
        runs: Runs,
        meters: Meters,
        dead: Callable[[], frozenset[str]],
    ) -> None:
        self.made = 0
        self._executions = executions
        self._intake = intake
        self._runs = runs
        self._meters = meters
        self._dead = dead

    async def claim(self, job: Execution, *, lost: bool = False) -> bool:
        """Claim `job` if there is a place for it. `lost` says that its owner is dead."""
        if not self._runs.reserve(job.job_id, job.workspace_id):
            return False
        return await self.claim_reserved(job, lost=lost)

    async def claim_reserved(self, job: Execution, *, lost: bool = False) -> bool:
        """Claim a job whose place is reserved, and release the place if that fails."""
        claimed = None
        try:
            claimed = await self._intake.claim(job, lost=lost)
        finally:
            if claimed is None:
                self._runs.release(job.job_id)
        if claimed is not None:
            first = claimed.attempt == 1
            waited = (utc_now() - job.created_at).total_seconds() if first else None
            self._meters.count_claim(waited, lost=lost)
            self._runs.start(claimed)
            self.made += 1
        return claimed is not None

    async def claim_found(self, jobs: Sequence[tuple[str, Execution | None]]) -> None:
        """Claim jobs found in the store, each with the head that was seen if it is already running.

        They are claimed a few at a time and in random order. Other workers find the same jobs, and in
        a fixed order all but one of them would always come too late. Raises the first fault after all
        have been tried.
        """
        mixed = random.sample(jobs, len(jobs))
        faults: list[BaseException] = []
        for start in range(0, len(mixed), _AT_ONCE):
            some = [self._try_one(*job) for job in mixed[start : start + _AT_ONCE]]
            outcomes = await asyncio.gather(*some, return_exceptions=True)
            faults += [fault for fault in outcomes if fault is not None]
        if faults:
            raise faults[0]

    async def _try_one(self, job_id: str, seen: Execution | None) -> None:
        try:
            await self._claim_stored(job_id, seen)
        except NewerFormat:
            return
        except Unavailable:
            raise
        except Exception:  # one faulty job must not block those after it
            log.exception("a job could not be claimed", job_id=job_id)

    async def _claim_stored(self, job_id: str, seen: Execution | None) -> None:
        """Claim a job from the store unless it has moved since it was `seen`.

        Only the owner it was seen with is known to be dead, not one that has claimed it since.
        """
        if self._runs.places.room <= 0:
            return
        job = await self._executions.find(job_id)
        if job is None or (seen is not None and (job.owner, job.seq) != (seen.owner, seen.seq)):
            return
        if job.owner is not None and job.owner not in self._dead():
            return  # this worker was paused and no longer knows who is dead
        await self.claim(job, lost=seen is not None and seen.owner is not None)
