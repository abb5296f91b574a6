"""A worker: takes jobs, keeps its lease, looks after what dead workers left, hands jobs back."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from common.contracts.events import ExecutionStatus
from common.contracts.messages import JobSubmitted
from common.errors import Unavailable
from common.formats import NewerFormat
from common.logs import get_logger
from common.times import utc_now
from executor.domain import moves
from executor.domain.execution import Execution
from executor.domain.intake import Intake
from executor.domain.leases import LeaseWatch
from executor.domain.lookout import Lookout
from executor.domain.meters import Meters
from executor.domain.ports import Executions, Leases
from executor.domain.runs import Runs
from executor.domain.settlement import Settlement
from executor.domain.sweeper import Sweeper

log = get_logger(__name__)

_IDLE = 1.0
"""Seconds without a delivery after which the oldest queued jobs are taken from the store."""
_OVERDUE = timedelta(seconds=5)
"""A job queued for longer, while there is a free slot, has probably lost its message."""
_SWEEP = 2.0
_SLOW_SWEEP = 20.0
_QUEUED = 50
_AT_ONCE = 8
"""Claims of jobs found in the store that are made together."""
_CHECKED = 200
"""Own jobs that are checked each time; with more of them the checks become as much rarer."""


class Worker:
    """One worker process, apart from its bus."""

    def __init__(
        self,
        worker_id: str,
        executions: Executions,
        leases: Leases,
        intake: Intake,
        runs: Runs,
        settlement: Settlement,
        meters: Meters,
        beat_every: float = 0.5,
        silence: float = 2.0,
    ) -> None:
        self.worker_id = worker_id
        self.runs = runs
        self._executions = executions
        self._leases = leases
        self._intake = intake
        self._settlement = settlement
        self._sweeper = Sweeper(executions, leases, settlement, runs.held)
        self._meters = meters
        self._beat_every = beat_every
        self._watch = LeaseWatch(silence, longest_gap=max(1.0, 2 * beat_every))
        self._lookout = Lookout()
        self._counter = self._rounds = 0
        self._strangers: frozenset[str] = frozenset()
        self._delivered = float("-inf")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take the lease, which must be there before the first claim, and begin to watch."""
        self._settlement.start()
        await self._until_reached(self._beat)
        self._tasks = [
            asyncio.create_task(self._every(self._beat_every, self._beat), name="beat"),
            asyncio.create_task(self._every(self._beat_every, self._care), name="care"),
            asyncio.create_task(self._every(_SWEEP, self._sweep), name="sweep"),
            asyncio.create_task(self._every(_SLOW_SWEEP, self._sweep_slowly), name="slow sweep"),
        ]

    async def stop(self, timeout: float = 8.0) -> None:
        """Hand all jobs back and leave, within about `timeout` seconds."""
        await self.runs.drain(timeout * 0.6)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._settlement.stop(timeout * 0.2)
        try:
            async with asyncio.timeout(timeout * 0.2):
                if await self._sweeper.owns_nothing(self.worker_id):
                    await self._leases.leave(self.worker_id)
        except (Unavailable, TimeoutError) as fault:
            log.warning("the lease is left to run out", reason=str(fault))

    async def take(self, message: JobSubmitted, traceparent: str) -> None:
        """Store and claim the job of `message`.

        Raises `ForeignJob`, and `Unavailable` when it could not even be stored.
        """
        self._delivered = asyncio.get_running_loop().time()
        told = self._intake.told(message)
        if told is not None and await self._claim(told):
            return
        try:
            await self._claim(await self._intake.stored(message, traceparent))
        except NewerFormat as fault:  # a newer worker finds it in the store
            log.info("a job is left to a newer worker", job_id=message.job_id, reason=str(fault))

    def cut_off(self, job_id: str) -> None:
        """Cancel a run whose job was stopped."""
        if self.runs.cancel(job_id):
            log.info("a run is cut off: its job was stopped", job_id=job_id)

    async def _claim(self, job: Execution, *, lost: bool = False) -> bool:
        if not self.runs.reserve(job.job_id):
            return False
        claimed = None
        try:
            claimed = await self._intake.claim(job, lost=lost)
        finally:
            if claimed is None:
                self.runs.release(job.job_id)
        if claimed is not None:
            first = claimed.attempt == 1
            waited = (utc_now() - job.created_at).total_seconds() if first else None
            self._meters.claimed(waited, lost=lost)
            self.runs.start(claimed)
        return claimed is not None

    async def _claim_found(self, job_id: str, head: Execution | None = None) -> None:
        try:
            await self._claim_stored(job_id, head)
        except NewerFormat:
            return
        except Unavailable:
            raise
        except Exception:  # one job's fault must not hide those behind it
            log.exception("a job could not be claimed", job_id=job_id)

    async def _claim_stored(self, job_id: str, head: Execution | None = None) -> None:
        """Claim a job found in the store; `head` is what was seen of it, if it runs already.

        Only an owner that was seen with it is known to be dead: one that it has got since is not.
        """
        if self.runs.free <= 0:
            return
        job = await self._executions.find(job_id)
        if job is None or (head is not None and (job.owner, job.seq) != (head.owner, head.seq)):
            return
        if job.owner is not None and job.owner not in self._dead():
            return  # this worker stood still, and has to look at the others again
        await self._claim(job, lost=head is not None and head.owner is not None)

    async def _beat(self) -> None:
        self._counter += 1
        loop = asyncio.get_running_loop()
        try:
            full = self.runs.free <= 0
            told = await self._leases.beat(self.worker_id, self._counter, full=full)
        except Unavailable:
            self._watch.missed()
            raise
        others = {worker: n for worker, n in told.counters.items() if worker != self.worker_id}
        self._watch.look(others, loop.time())
        self._lookout.learn(self._watch.alive(loop.time()), told.full)

    def _dead(self) -> frozenset[str]:
        return self._watch.dead(asyncio.get_running_loop().time())

    async def _care(self) -> None:
        """Check this worker's jobs; with room for more, take those nobody looks after."""
        self._rounds += 1
        if self._rounds % (1 + max(0, len(self.runs.held()) - 1) // _CHECKED) == 0:
            await self._check_own()
        if self.runs.free > 0 and self._lookout.takes():
            await self._take_over()

    async def _take_over(self) -> None:
        found = await self._executions.orphans(self._dead(), self.runs.free)
        heads = self._one_at_a_time(found)
        await self._claim_all([(head.job_id, head) for head in heads])
        if self.runs.free > 0:
            await self._claim_queued()

    def _one_at_a_time(self, heads: Sequence[Execution]) -> list[Execution]:
        """Leave out the jobs on their last claim, but for one if none such runs here.

        The jobs that ran beside one that kills its workers have lost as many claims as that one.
        Taken one at a time, until each gets further, it alone is given up.
        """
        on_its_last = self._intake.on_its_last
        taken = any(map(on_its_last, self.runs.lost_claims()))
        left: list[Execution] = []
        for head in heads:
            last = on_its_last(head.lost_claims + (head.owner is not None))
            if not (last and taken):
                left.append(head)
            taken = taken or last
        return left

    async def _claim_queued(self) -> None:
        idle = asyncio.get_running_loop().time() - self._delivered >= _IDLE
        before = utc_now() if idle else utc_now() - _OVERDUE
        limit = min(self.runs.free, _QUEUED) + self._intake.delayed
        job_ids = await self._executions.queued(before, limit)
        await self._claim_all([(job_id, None) for job_id in job_ids])

    async def _claim_all(self, jobs: Sequence[tuple[str, Execution | None]]) -> None:
        """Claim jobs found in the store, some at a time.

        In no order, since other workers look at the same ones: else all but one would always come
        too late. Raises what a claim raised, when all have been tried.
        """
        mixed = random.sample(jobs, len(jobs))
        faults: list[BaseException] = []
        for start in range(0, len(mixed), _AT_ONCE):
            some = [self._claim_found(*job) for job in mixed[start : start + _AT_ONCE]]
            outcomes = await asyncio.gather(*some, return_exceptions=True)
            faults += [fault for fault in outcomes if fault is not None]
        if faults:
            raise faults[0]

    async def _check_own(self) -> None:
        """Cut off runs of jobs that are no longer this worker's; hand back what it does not run."""
        running = self.runs.running()
        mine = await self._executions.running_of(self.worker_id)
        for job_id, attempt in running.items():
            if job_id not in mine and await self._lost(job_id, attempt):
                self._meters.superseded()
                log.warning("a run is cut off: its job is no longer ours", job_id=job_id)
                self.runs.cancel(job_id)
        strangers = mine - self.runs.held()
        for job_id in strangers & self._strangers:
            await self._give_up(job_id)
        self._strangers = strangers

    async def _lost(self, job_id: str, attempt: int) -> bool:
        head = await self._head(job_id)
        if head is None or head.attempt != attempt:
            return True
        waits = head.status == ExecutionStatus.WAITING_FOR_INPUT  # as this very run has left it
        return head.owner != self.worker_id and not waits

    async def _head(self, job_id: str) -> Execution | None:
        """Return the head of a job, or None where it is nothing that this worker could go on with."""
        try:
            return await self._executions.head(job_id)
        except NewerFormat:
            return None

    async def _give_up(self, job_id: str) -> None:
        """Make a job ownerless that this worker owns but, after a store outage, no longer runs."""
        head = await self._head(job_id)
        if head is not None and head.owner == self.worker_id and not head.final:
            log.warning("a job is handed back: it is not run here", job_id=job_id)
            await self._executions.apply(moves.hand_back(head, published=head.published))

    async def _sweep(self) -> None:
        if self._lookout.sweeps():
            await self._sweeper.settle({*self._dead(), self.worker_id})

    async def _find_leaseless(self) -> None:
        owners = await self._executions.owners()
        await self._beat()  # after that: a lease is older than anything its worker owns
        self._watch.accuse(owners - {self.worker_id})

    async def _sweep_slowly(self) -> None:
        if not self._lookout.sweeps():
            return
        await self._find_leaseless()
        await self._sweeper.flush()
        await self._sweeper.bury(self._dead())

    async def _until_reached(self, call: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await call()
            except Unavailable as fault:
                log.warning("the worker waits for the store", reason=str(fault))
                await asyncio.sleep(0.5)

    async def _every(self, seconds: float, call: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await call()
            except Unavailable as fault:
                log.warning("the worker waits for the store", reason=str(fault))
            except Exception:
                log.exception("a worker's round failed and will be repeated")
