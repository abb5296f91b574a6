"""The lease of this worker, and the leases of the others."""

import asyncio
from collections.abc import Callable

from common.errors import Unavailable
from executor.domain.leases import Leases, LeaseWatch
from executor.domain.log.ports import Executions
from executor.domain.worker.lookout import Lookout


class Heartbeat:
    """Renews the lease of one worker and watches the others'. `full` returns whether it has no slot left."""

    def __init__(
        self,
        worker_id: str,
        executions: Executions,
        leases: Leases,
        full: Callable[[], bool],
        watch: LeaseWatch,
    ) -> None:
        self.lookout = Lookout()
        self._worker_id = worker_id
        self._executions = executions
        self._leases = leases
        self._full = full
        self._watch = watch
        self._counter = 0

    async def beat(self) -> None:
        """Renew the lease and look at the others'. Raises `Unavailable`."""
        self._counter += 1
        loop = asyncio.get_running_loop()
        try:
            signs = await self._leases.beat(self._worker_id, self._counter, full=self._full())
        except Unavailable:
            self._watch.skip_look()
            raise
        others = {worker: n for worker, n in signs.counters.items() if worker != self._worker_id}
        self._watch.look(others, loop.time())
        self.lookout.learn(self._watch.alive(loop.time()), signs.full)

    def dead(self) -> frozenset[str]:
        """Return the workers that are dead."""
        return self._watch.dead(asyncio.get_running_loop().time())

    async def find_leaseless(self) -> None:
        """Treat every owner of open jobs that has no lease as dead."""
        owners = await self._executions.owners()
        await self.beat()  # after reading owners: a lease is older than anything its worker owns
        self._watch.accuse(owners - {self._worker_id})

    async def inherit(self) -> None:
        """Treat every other worker as dead, which is known to be so: remove its lease."""
        for worker_id in await self._leases.counters():
            if worker_id != self._worker_id:
                await self._leases.leave(worker_id)
        await self.find_leaseless()

    async def leave(self) -> None:
        """Give the lease up."""
        await self._leases.leave(self._worker_id)
