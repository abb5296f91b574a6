"""Searches the store for jobs that nobody takes care of."""

import asyncio
from collections.abc import Callable, Sequence

from common.errors import Unavailable
from common.logs import get_logger
from common.process.cancellation import told_to_stop
from executor.domain.log.execution import Execution
from executor.domain.log.ports import Executions
from executor.domain.worker.claims import Claims
from executor.domain.worker.heartbeat import Heartbeat
from executor.domain.worker.intake import Intake
from executor.domain.worker.queued import Queued
from executor.domain.worker.runs import Runs

log = get_logger(__name__)

_QUEUED = 50
_PAUSE = 0.02
"""Seconds between two searches for queued jobs while places become free."""


class Search:
    """Finds jobs whose worker is dead or missing, and queued jobs without a message.

    `idle` returns whether messages have stopped coming.
    """

    def __init__(
        self,
        executions: Executions,
        intake: Intake,
        runs: Runs,
        claims: Claims,
        queued: Queued,
        heartbeat: Heartbeat,
        idle: Callable[[], bool],
    ) -> None:
        self._executions = executions
        self._intake = intake
        self._runs = runs
        self._claims = claims
        self._queued = queued
        self._heartbeat = heartbeat
        self._idle = idle
        self._looking, self._hungry = asyncio.Lock(), asyncio.Event()
        self._taking_over, self._held_back = asyncio.Lock(), asyncio.Event()

    async def take_over(self) -> None:
        """Claim jobs whose worker is dead or missing, then queued ones, as far as there are places."""
        places = self._runs.places
        async with self._taking_over:
            shut_out = (
                places.shut_out()
            )  # they may have many jobs, which would hide those of others
            dead = self._heartbeat.dead()
            found = await self._executions.orphans(dead, places.room, shut_out)
            heads = self._one_at_a_time(found)
            if len(heads) < len(found):
                self._held_back.set()
            await self._claims.claim_found([(head.job_id, head) for head in heads])
        if places.room > 0:
            await self._queued.find()
            await self._claim_queued()

    def _one_at_a_time(self, heads: Sequence[Execution]) -> list[Execution]:
        """Keep at most one job on its last claim, and none if such a job already runs here.

        Jobs that ran beside one that kills its workers have lost as many claims as that one. Run one
        at a time until each makes progress, only the culprit is given up.
        """
        on_last_claim = self._intake.on_last_claim
        taken = self._runs_one_on_last_claim()
        left: list[Execution] = []
        for head in heads:
            last = on_last_claim(head.lost_claims + (head.owner is not None))
            if not (last and taken):
                left.append(head)
            taken = taken or last
        return left

    def _runs_one_on_last_claim(self) -> bool:
        return any(map(self._intake.on_last_claim, self._runs.lost_claims()))

    async def take_over_in_turn(self) -> None:
        """Take over the next of the jobs on their last claim when the one before makes progress, until cancelled."""
        while not told_to_stop():
            await self._held_back.wait()
            await asyncio.sleep(_PAUSE)
            if self._runs_one_on_last_claim() or self._runs.places.room <= 0:
                continue
            self._held_back.clear()
            try:
                await self.take_over()
            except Unavailable as fault:
                log.warning("the worker waits for the store", reason=str(fault))
            except Exception:
                log.exception("a worker's round failed and will be repeated")

    async def _claim_queued(self) -> None:
        """Claim jobs that are queued in the store, in turn of their workspaces."""
        async with self._looking:
            places = self._runs.places
            idle, taken = self._idle(), places.taken
            job_ids = await self._queued.next(
                lambda held: places.rule.allot(held, taken, _QUEUED),
                idle=idle,
                elsewhere=self._heartbeat.lookout.others_full,
            )
            before = self._claims.made
            await self._claims.claim_found([(job_id, None) for job_id in job_ids])
            if self._claims.made > before and self._queued.known:
                self._hungry.set()

    def wake(self) -> None:
        """Search soon, if there is room and jobs are known to be queued."""
        if self._queued.known and self._runs.places.room > 0:
            self._hungry.set()

    async def fill_places(self) -> None:
        """Fill free places with jobs queued in the store, until cancelled."""
        while not told_to_stop():
            await self._hungry.wait()
            self._hungry.clear()
            try:
                await self._claim_queued()
            except Unavailable as fault:
                log.warning("the worker waits for the store", reason=str(fault))
            except Exception:
                log.exception("a search for queued jobs failed and will be repeated")
            await asyncio.sleep(_PAUSE)
