"""Finishes jobs that nobody runs any more: left behind by dead workers, stops and outages."""

import asyncio
from collections.abc import Callable, Collection

from executor.domain.ending.settlement import Settlement
from executor.domain.leases import Leases
from executor.domain.log.ports import Executions

_SWEPT = 200
_GONE = 3_600.0
"""Seconds after which the lease of a dead worker that owns nothing is removed."""


class Sweeper:
    """Searches the store for them when called. `held` returns the jobs that run here."""

    def __init__(
        self,
        executions: Executions,
        leases: Leases,
        settlement: Settlement,
        held: Callable[[], Collection[str]],
    ) -> None:
        self._executions = executions
        self._leases = leases
        self._settlement = settlement
        self._held = held
        self._dead_since: dict[str, float] = {}

    async def settle(self, owners: Collection[str]) -> None:
        """Settle ended jobs that nobody else will settle: those of `owners`, and those without one."""
        for job in await self._executions.unsettled_jobs(owners, _SWEPT):
            if job.job_id not in self._held() and not self._settlement.holds(job.job_id):
                self._settlement.add(job)

    async def flush(self) -> None:
        """Copy and publish the tails of jobs that wait for a person."""
        for job in await self._executions.waiting_jobs(_SWEPT):
            if job.job_id not in self._held():
                await self._settlement.flush(job)

    async def bury(self, dead: Collection[str]) -> None:
        """Remove the leases of workers that are long dead and own nothing."""
        now = asyncio.get_running_loop().time()
        self._dead_since = {worker: self._dead_since.get(worker, now) for worker in dead}
        for worker in [w for w, since in self._dead_since.items() if now - since > _GONE]:
            if await self.owns_nothing(worker):
                await self._leases.leave(worker)

    async def owns_nothing(self, worker: str) -> bool:
        """Say whether `worker` leaves no jobs behind, so that its lease may be removed."""
        if await self._executions.running_jobs_of(worker):
            return False
        return not await self._executions.unsettled_jobs([worker], 1)
