"""What is left to do of jobs that nobody runs any more, by the dead, by stops and by outages."""

import asyncio
from collections.abc import Callable, Collection

from executor.domain.ending.settlement import Settlement
from executor.domain.leases import Leases
from executor.domain.log.ports import Executions

_SWEPT = 200
_GONE = 3_600.0
"""Seconds after which the lease of a dead worker that owns nothing is removed."""


class Sweeper:
    """Looks for it in the store, whenever it is told to. `held` tells which jobs are run here."""

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
        """Settle ended jobs that nobody else will: those of `owners`, and nobody's."""
        for job in await self._executions.unsettled_jobs(owners, _SWEPT):
            if job.job_id not in self._held() and not self._settlement.holds(job.job_id):
                self._settlement.add(job)

    async def flush(self) -> None:
        """Copy and publish what jobs that wait for a person have left in their tails."""
        for job in await self._executions.waiting_jobs(_SWEPT):
            if job.job_id not in self._held():
                await self._settlement.flush(job)

    async def bury(self, dead: Collection[str]) -> None:
        """Remove the leases of workers that are long dead and own nothing any more."""
        now = asyncio.get_running_loop().time()
        self._dead_since = {worker: self._dead_since.get(worker, now) for worker in dead}
        for worker in [w for w, since in self._dead_since.items() if now - since > _GONE]:
            if await self.owns_nothing(worker):
                await self._leases.leave(worker)

    async def owns_nothing(self, worker: str) -> bool:
        """Say whether nobody has to look after what `worker` leaves, so that its lease may go."""
        if await self._executions.running_jobs_of(worker):
            return False
        return not await self._executions.unsettled_jobs([worker], 1)
