"""Totals of jobs, workers and queues over all processes, counted periodically for `/metrics`."""

import time
from collections.abc import Mapping

from common.errors import Unavailable
from common.logs import get_logger
from common.times import utc_now
from executor.domain.api.ports import BrokerQueues
from executor.domain.leases import Leases, LeaseWatch
from executor.domain.log.ports import Executions
from executor.domain.meters import Census, Meters

log = get_logger(__name__)

EVERY = 15.0
"""Seconds between two counts: about as often as Prometheus scrapes."""
_SILENCE = 10.0
"""Seconds a worker's counter may stand still. It moves twice a second, so one look is enough."""


class CensusTaker:
    """Counts in the executor's api, which is always running, rather than in each worker."""

    def __init__(
        self, executions: Executions, leases: Leases, queues: BrokerQueues, meters: Meters
    ) -> None:
        self._executions = executions
        self._leases = leases
        self._queues = queues
        self._meters = meters
        self._watch = LeaseWatch(_SILENCE, longest_gap=2 * EVERY)

    async def report(self) -> None:
        """Count and report the result; log any fault."""
        try:
            self._meters.record_census(await self.count())
        except Exception:
            log.exception("counting failed and will be repeated")

    async def count(self) -> Census:
        """Count once; leave out the figures of a backend that is down."""
        jobs, oldest, workers = await self._count_in_store()
        return Census(jobs, oldest, workers, await self._depths())

    async def _count_in_store(self) -> tuple[Mapping[str, int] | None, float | None, int | None]:
        try:
            jobs, oldest = await self._executions.count_live(), await self._oldest()
            counters, now = await self._leases.counters(), _now()
        except Unavailable as fault:
            self._watch.skip_look()
            log.debug("jobs and workers could not be counted", reason=str(fault))
            return None, None, None
        self._watch.look(counters, now)
        return jobs, oldest, len(self._watch.alive(now))

    async def _oldest(self) -> float:
        for job_id in await self._executions.oldest_queued_jobs(utc_now(), 1):
            job = await self._executions.head(job_id)
            if job is not None:
                return max(0.0, (utc_now() - job.created_at).total_seconds())
        return 0.0

    async def _depths(self) -> Mapping[str, tuple[int, int]] | None:
        try:
            return await self._queues.depths()
        except Unavailable as fault:
            log.debug("the queues could not be asked", reason=str(fault))
            return None


def _now() -> float:
    return time.monotonic()
