"""A worker: takes jobs, keeps its lease, looks after what dead workers left, hands jobs back."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from common.cancellation import told_to_stop
from common.contracts.events import ExecutionStatus
from common.contracts.messages import JobSubmitted
from common.errors import Unavailable
from common.formats import NewerFormat
from common.logs import get_logger
from common.times import utc_now
from executor.domain.ending.settlement import Settlement
from executor.domain.ending.sweeper import Sweeper
from executor.domain.leases import Leases, LeaseWatch
from executor.domain.log import moves
from executor.domain.log.execution import Execution
from executor.domain.log.ports import Executions
from executor.domain.meters import Meters
from executor.domain.worker.intake import Intake
from executor.domain.worker.lookout import Lookout
from executor.domain.worker.queued import Queued
from executor.domain.worker.runs import Runs
from executor.domain.worker.turns import Turns

log = get_logger(__name__)

_IDLE = 1.0
"""Seconds without a delivery after which the oldest queued jobs are taken from the store."""
_SWEEP = 2.0
_SLOW_SWEEP = 20.0
_QUEUED = 50
_LOOK = 0.02
"""Seconds between two looks for queued jobs while places become free."""
_AT_ONCE = 8
"""Claims of jobs found in the store that are made together."""
_CHECKED = 200
"""Own jobs that are checked each time; with more of them the checks become as much rarer."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A job that is queued in the store, and known here. `message` is what told of it unread."""

    job: Execution
    message: JobSubmitted | None = None
    traceparent: str = ""


class Worker:
    """One worker process, apart from its bus. `on_free` is called when a place becomes free."""

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
        self._turns = Turns[_Waiting](2 * runs.places.slots)
        self._queues = Queued(executions, intake, runs.of)
        self._looking, self._hungry = asyncio.Lock(), asyncio.Event()
        self._claiming: set[asyncio.Task[None]] = set()
        self._claims = 0
        self.on_free: Callable[[], None] = lambda: None
        runs.on_free = self._freed
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
            asyncio.create_task(self._look(), name="look"),
            asyncio.create_task(self._every(_SWEEP, self._sweep), name="sweep"),
            asyncio.create_task(self._every(_SLOW_SWEEP, self._sweep_slowly), name="slow sweep"),
        ]

    async def stop(self, timeout: float = 8.0, patience: float = 0.0) -> None:
        """Hand all jobs back and leave, within about `timeout` seconds.

        Before that, calls which must not be made twice get up to `patience` seconds to end. Meanwhile
        the lease goes on, so that no other worker takes their jobs for lost.
        """
        self._turns.clear()
        await self.runs.drain(timeout * 0.6, patience)
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
        """Store and claim the job of `message`, or have it wait for its workspace's turn.

        Raises `ForeignJob`, and `Unavailable` when it could not even be stored.
        """
        self._delivered = asyncio.get_running_loop().time()
        told = self._intake.told(message)
        if told is not None:
            if not self._admitted(told):
                self._keep(_Waiting(told, message, traceparent))
                return
            if await self._claim(told):
                return
        await self._take_stored(message, traceparent)

    async def _take_stored(self, message: JobSubmitted, traceparent: str) -> None:
        try:
            job = await self._intake.stored(message, traceparent)
            if not await self._claim(job) and not self._admitted(job):
                self._keep(_Waiting(job))
        except NewerFormat as fault:  # a newer worker finds it in the store
            log.info("a job is left to a newer worker", job_id=message.job_id, reason=str(fault))

    def _admitted(self, job: Execution) -> bool:
        workspace = job.workspace_id
        return self.runs.admits(workspace) and not self._turns.waits(workspace)

    def _keep(self, one: _Waiting) -> None:
        """Have a stored job wait here; one that finds no room is looked for in the store."""
        if self.runs.room <= 0 or not self._turns.add(one.job.workspace_id, one):
            self._queues.remember([one.job.workspace_id], left_here=True)

    def _freed(self) -> None:
        """Claim what waits here in the place that has become free, else look in the store."""
        self.on_free()
        while (one := self._turns.next(self.runs.of, self.runs.admits)) is not None:
            if self.runs.reserve(one.job.job_id, one.job.workspace_id):
                task = asyncio.create_task(self._claim_waiting(one), name="claim")
                self._claiming.add(task)
                task.add_done_callback(self._claiming.discard)
        if self._queues.known and self.runs.room > 0:
            self._hungry.set()

    async def _claim_waiting(self, one: _Waiting) -> None:
        try:
            if not await self._claim_reserved(one.job) and one.message is not None:
                await self._take_stored(one.message, one.traceparent)
        except Unavailable as fault:  # it is queued in the store, and found there
            log.warning("a job is left in the store", job_id=one.job.job_id, reason=str(fault))
            self._queues.remember([one.job.workspace_id])
        except Exception:  # a message that would be a dead letter has been acknowledged
            log.exception("a job could not be claimed", job_id=one.job.job_id)

    def cut_off(self, job_id: str) -> None:
        """Cancel a run whose job was stopped."""
        if self.runs.cancel(job_id):
            log.info("a run is cut off: its job was stopped", job_id=job_id)

    async def _claim(self, job: Execution, *, lost: bool = False) -> bool:
        if not self.runs.reserve(job.job_id, job.workspace_id):
            return False
        return await self._claim_reserved(job, lost=lost)

    async def _claim_reserved(self, job: Execution, *, lost: bool = False) -> bool:
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
            self._claims += 1
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
        if self.runs.room <= 0:
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
        if self.runs.room > 0 and self._lookout.takes():
            await self._take_over()

    async def _take_over(self) -> None:
        shut_out = self.runs.shut_out()  # theirs may be many, and hide others' behind them
        found = await self._executions.orphans(self._dead(), self.runs.room, shut_out)
        heads = self._one_at_a_time(found)
        await self._claim_all([(head.job_id, head) for head in heads])
        if self.runs.room > 0:
            await self._queues.find()
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
        """Claim jobs that are queued in the store, by turn of their workspaces."""
        async with self._looking:
            idle = asyncio.get_running_loop().time() - self._delivered >= _IDLE
            taken = self.runs.places.slots + self.runs.places.reserve - self.runs.room
            job_ids = await self._queues.next(
                lambda held: self.runs.places.allot(held, taken, _QUEUED),
                idle=idle,
                elsewhere=self._lookout.others_full,
            )
            before = self._claims
            await self._claim_all([(job_id, None) for job_id in job_ids])
            if self._claims > before and self._queues.known:
                self._hungry.set()

    async def _look(self) -> None:
        """Fill places that become free with what is queued in the store."""
        while not told_to_stop():
            await self._hungry.wait()
            self._hungry.clear()
            try:
                await self._claim_queued()
            except Unavailable as fault:
                log.warning("the worker waits for the store", reason=str(fault))
            except Exception:
                log.exception("a look for queued jobs failed and will be repeated")
            await asyncio.sleep(_LOOK)

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
                if told_to_stop():
                    raise asyncio.CancelledError from fault
                log.warning("the worker waits for the store", reason=str(fault))
                await asyncio.sleep(0.5)

    async def _every(self, seconds: float, call: Callable[[], Awaitable[None]]) -> None:
        while not told_to_stop():  # the driver may make another fault of a cancellation
            await asyncio.sleep(seconds)
            try:
                await call()
            except Unavailable as fault:
                log.warning("the worker waits for the store", reason=str(fault))
            except Exception:
                log.exception("a worker's round failed and will be repeated")
