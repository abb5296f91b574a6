"""A worker: how it starts and stops, and what it repeats in between."""

import asyncio
from collections.abc import Callable

from common.contracts.messages import JobSubmitted
from common.errors import Unavailable
from common.logs import get_logger
from common.times import utc_now
from executor.domain.ending.expiry import Expiry
from executor.domain.ending.settlement import Settlement
from executor.domain.ending.sweeper import Sweeper
from executor.domain.leases import Leases, LeaseWatch
from executor.domain.log.ports import Executions
from executor.domain.meters import Meters
from executor.domain.worker.arrivals import Arrivals
from executor.domain.worker.claims import Claims
from executor.domain.worker.heartbeat import Heartbeat
from executor.domain.worker.intake import Intake
from executor.domain.worker.own_jobs import OwnJobs
from executor.domain.worker.queued import Queued
from executor.domain.worker.rounds import Rounds, until_reached
from executor.domain.worker.runs import Runs
from executor.domain.worker.search import Search

log = get_logger(__name__)

_SWEEP = 2.0
_SLOW_SWEEP = 20.0


class Worker:
    """One worker process, apart from its bus. `on_free` is called when a place becomes free.

    One that is `alone` knows that all workers before it are dead, and does not wait until their leases tell.
    """

    def __init__(
        self,
        worker_id: str,
        executions: Executions,
        leases: Leases,
        intake: Intake,
        runs: Runs,
        settlement: Settlement,
        expiry: Expiry,
        meters: Meters,
        beat_every: float = 0.5,
        silence: float = 2.0,
        *,
        alone: bool = False,
    ) -> None:
        self.worker_id = worker_id
        self._alone = alone
        self.runs = runs
        self.on_free: Callable[[], None] = lambda: None
        self.rounds = Rounds()
        self._beat_every = beat_every
        self._settlement = settlement
        self._expiry = expiry
        gap = min(max(1.0, 2 * beat_every), silence / 2)  # one late look alone declares nobody dead
        watch = LeaseWatch(silence, longest_gap=gap)
        self.heartbeat = Heartbeat(worker_id, executions, leases, self._is_full, watch)
        self._sweeper = Sweeper(executions, leases, settlement, runs.places.held_jobs)
        self.own_jobs = OwnJobs(worker_id, executions, runs, meters)
        queued = Queued(executions, intake, runs.places.count_of)
        claims = Claims(executions, intake, runs, meters, self.heartbeat.dead)
        self._arrivals = Arrivals(intake, runs, claims, queued)
        self._search = Search(
            executions, intake, runs, claims, queued, self.heartbeat, lambda: self._arrivals.idle
        )
        runs.on_free = self._use_free_place

    async def start(self) -> None:
        """Take the lease, which must exist before the first claim, and start the rounds."""
        self._settlement.start()
        await until_reached(self.heartbeat.beat)
        if self._alone:
            await until_reached(self.heartbeat.inherit)
        self.rounds.every(self._beat_every, self.heartbeat.beat, "beat")
        self.rounds.every(self._beat_every, self._care, "care")
        self.rounds.begin(self._search.fill_places(), "look")
        self.rounds.begin(self._search.take_over_in_turn(), "take over")
        self.rounds.every(_SWEEP, self._sweep, "sweep")
        self.rounds.every(_SLOW_SWEEP, self._sweep_slowly, "slow sweep")

    def look_at_once(self) -> None:
        """Search for jobs that were left behind now, and not only with the next round."""
        self.rounds.once(self._care, "first care")
        self.rounds.once(self._sweep, "first sweep")

    async def stop(self, timeout: float = 8.0, patience: float = 0.0) -> None:
        """Hand all jobs back and leave, within about `timeout` seconds.

        Calls that must not be made twice first get up to `patience` seconds to end. The lease is
        renewed meanwhile, so that no other worker treats their jobs as lost.
        """
        self._arrivals.clear()
        await self.runs.drain(timeout * 0.6, patience)
        await self.rounds.stop()
        await self._settlement.stop(timeout * 0.2)
        try:
            async with asyncio.timeout(timeout * 0.2):
                if await self._sweeper.owns_nothing(self.worker_id):
                    await self.heartbeat.leave()
        except (Unavailable, TimeoutError) as fault:
            log.warning("the lease is left to run out", reason=str(fault))

    async def take(self, message: JobSubmitted, traceparent: str) -> None:
        """Store and claim the job of `message`, or let it wait for its workspace's turn.

        Raises `ForeignJob`, and `Unavailable` if the job could not be stored.
        """
        await self._arrivals.take(message, traceparent)

    def cut_off(self, job_id: str) -> None:
        """Cancel a run whose job was stopped."""
        if self.runs.cancel(job_id):
            log.info("a run is cut off: its job was stopped", job_id=job_id)

    def _use_free_place(self) -> None:
        """Give the free place to a job that waits here, otherwise search the store."""
        self.on_free()
        self._arrivals.claim_next()
        self._search.wake()

    async def _care(self) -> None:
        """Check this worker's jobs; if there is room, take jobs that nobody takes care of."""
        await self.own_jobs.check_now_and_then()
        if self.runs.places.room > 0 and self.heartbeat.lookout.takes():
            await self._search.take_over()

    def _is_full(self) -> bool:
        return self.runs.places.free <= 0

    async def _sweep(self) -> None:
        if self.heartbeat.lookout.sweeps():
            await self._sweeper.settle({*self.heartbeat.dead(), self.worker_id})
            await self._expiry.sweep(utc_now())

    async def _sweep_slowly(self) -> None:
        if not self.heartbeat.lookout.sweeps():
            return
        await self.heartbeat.find_leaseless()
        await self._sweeper.flush()
        await self._sweeper.bury(self.heartbeat.dead())
