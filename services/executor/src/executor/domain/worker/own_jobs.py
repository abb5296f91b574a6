"""Checks that this worker runs the jobs it owns, and owns the jobs it runs."""

from common.contracts.events import ExecutionStatus
from common.logs import get_logger
from common.storage.formats import NewerFormat
from executor.domain.log import moves
from executor.domain.log.execution import Execution
from executor.domain.log.ports import Executions
from executor.domain.meters import Meters
from executor.domain.worker.runs import Runs

log = get_logger(__name__)

_CHECKED = 200
"""Own jobs that each call may check. With more of them, checks become rarer in proportion."""


class OwnJobs:
    """Compares the jobs of one worker in the store with its runs."""

    def __init__(self, worker_id: str, executions: Executions, runs: Runs, meters: Meters) -> None:
        self._worker_id = worker_id
        self._executions = executions
        self._runs = runs
        self._meters = meters
        self._rounds = 0
        self._strangers: frozenset[str] = frozenset()

    async def check_now_and_then(self) -> None:
        """Check at every call, or with many jobs at every second, third … call."""
        self._rounds += 1
        if self._rounds % (1 + max(0, len(self._runs.places.held_jobs()) - 1) // _CHECKED) == 0:
            await self.check()

    async def check(self) -> None:
        """Cut off runs of jobs this worker no longer owns; hand back jobs it owns but does not run."""
        running = self._runs.running()
        mine = await self._executions.running_jobs_of(self._worker_id)
        for job_id, attempt in running.items():
            if job_id not in mine and await self._is_lost(job_id, attempt):
                self._meters.count_superseded()
                log.warning("a run is cut off: its job is no longer ours", job_id=job_id)
                self._runs.cancel(job_id)
        strangers = mine - self._runs.places.held_jobs()
        for job_id in strangers & self._strangers:
            await self._give_up(job_id)
        self._strangers = strangers

    async def _is_lost(self, job_id: str, attempt: int) -> bool:
        head = await self._head(job_id)
        if head is None or head.attempt != attempt:
            return True
        waits = head.status == ExecutionStatus.WAITING_FOR_INPUT  # this run has just left it so
        return head.owner != self._worker_id and not waits

    async def _head(self, job_id: str) -> Execution | None:
        """Return the head of a job, or None if this worker cannot continue it."""
        try:
            return await self._executions.head(job_id)
        except NewerFormat:
            return None

    async def _give_up(self, job_id: str) -> None:
        """Release a job that this worker owns but, after a store outage, no longer runs."""
        head = await self._head(job_id)
        if head is not None and head.owner == self._worker_id and not head.final:
            log.warning("a job is handed back: it is not run here", job_id=job_id)
            await self._executions.apply(moves.hand_back(head, published=head.published))
