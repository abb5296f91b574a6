"""The journal of a running job: group commit of its events, fenced by its attempt."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from common.contracts.events import TERMINAL_EVENTS, EventType
from common.errors import Unavailable
from common.logs import get_logger
from common.times import utc_now
from executor.domain import moves
from executor.domain.announcer import Announcer
from executor.domain.events import Draft
from executor.domain.execution import Execution, Step
from executor.domain.journal import Superseded
from executor.domain.meters import Meters
from executor.domain.ports import Announcements, Executions
from executor.domain.records import Record, Sealed, seal

log = get_logger(__name__)

_LINE = 5_000
"""Events that may wait for the store; a run that goes on without flushing is ended beyond that."""
_BATCH = 500
_TAIL_EVENTS, _TAIL_BYTES = 64, 256 * 1024
"""A tail longer than this is copied to the traces while the job still runs."""
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)
_LAST = TERMINAL_EVENTS | {EventType.INPUT_REQUIRED}


class Appender:
    """Fulfils `Journal` for one claim of one job.

    `patience` is how many seconds a write is tried again while the store is away. `job` is the
    job as this writer last wrote it.
    """

    def __init__(
        self,
        job: Execution,
        executions: Executions,
        bus: Announcements,
        meters: Meters,
        patience: float = 30.0,
    ) -> None:
        self.job = job
        self._executions = executions
        self._meters = meters
        self._patience = patience
        self._line: list[Sealed] = []
        self._writer: asyncio.Task[None] | None = None
        self._fault: Exception | None = None
        self._complete = job.final
        self._copied = 0
        self._stamp: datetime | None = None
        self.announcer = Announcer(job, executions, bus)
        self.announcer.put(())

    def append(self, *drafts: Draft) -> None:
        """Put events in line; after the one that ends the run, nothing is taken any more.

        Raises `TypeError` for an event that JSON cannot hold.
        """
        if self._fault is not None:
            return
        for draft in drafts:
            if self._complete:
                break
            self._line.append(seal(draft, self._now()))
            self._complete = draft.type in _LAST
        if len(self._line) > _LINE:
            self._fault = Unavailable("The store is too slow for this run's events.")
        elif self._line and self._writer is None:
            self._writer = asyncio.create_task(self._write(), name=f"append {self.job.job_id}")
            self._writer.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("the journal failed", job_id=self.job.job_id, exc_info=task.exception())

    def _now(self) -> datetime:
        now = utc_now()
        self._stamp = now if self._stamp is None else max(now, self._stamp)
        return self._stamp

    async def flush(self) -> None:
        """Return when everything in line is stored. Raises `Superseded` or `Unavailable`."""
        while self._writer is not None and self._fault is None:
            await asyncio.shield(self._writer)
        if self._fault is not None:
            raise self._fault

    async def _write(self) -> None:
        try:
            while self._line:
                batch, self._line = self._line[:_BATCH], self._line[_BATCH:]
                await self._commit(self._numbered(batch))
                await self._shorten()
        except (Superseded, Unavailable) as fault:
            self._fault = fault
        except Exception as fault:
            self._fault = fault
            raise
        finally:
            # Here, not in the done callback: that runs a turn later, after the next append.
            self._writer = None

    def _numbered(self, batch: Sequence[Sealed]) -> tuple[Record, ...]:
        job = self.job
        return tuple(
            sealed.numbered(job.job_id, job.seq + place, job.attempt)
            for place, sealed in enumerate(batch, start=1)
        )

    async def _commit(self, records: tuple[Record, ...]) -> None:
        step = moves.append(
            self.job, records, copied=self._copied, published=self.announcer.published
        )
        await carry_out(self._executions, step, self._patience)
        self.job = step.after
        self._meters.appended(len(records))
        self.announcer.put(records)

    async def _shorten(self) -> None:
        fresh = [record for record in self.job.tail if record.seq > self._copied]
        if len(fresh) < _TAIL_EVENTS and sum(r.size for r in fresh) < _TAIL_BYTES:
            return
        if self.job.final:
            return
        try:
            await self._executions.copy({self.job.job_id: fresh})
        except Unavailable as fault:
            log.warning("a tail stays long", job_id=self.job.job_id, reason=str(fault))
        else:
            self._copied = fresh[-1].seq

    async def hand_back(self) -> None:
        """Write what is in line, then give the job up. Raises as `flush` does."""
        self._complete = True
        await self.flush()
        if not self.job.final and self.job.owner is not None:
            step = moves.hand_back(self.job, published=self.announcer.published)
            await carry_out(self._executions, step, self._patience)


async def carry_out(executions: Executions, step: Step, patience: float) -> None:
    """Write `step`, trying again while the store is away for at most `patience` seconds.

    After a failed try the job is read: it may have got through all the same. Raises `Superseded`
    when the job has moved on without this writer, `Unavailable` when the store stays away.
    """
    until = asyncio.get_running_loop().time() + patience
    tries = 0
    while True:
        try:
            if tries and await _got_through(executions, step):
                return
            if await executions.apply(step) or await _got_through(executions, step):
                return
            raise Superseded(
                f"The job {step.job_id} has moved on without attempt {step.before.attempt}."
            )
        except Unavailable:
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            if asyncio.get_running_loop().time() + pause > until:
                raise
            tries += 1
            await asyncio.sleep(pause)


async def _got_through(executions: Executions, step: Step) -> bool:
    found = await executions.head(step.job_id)
    return found is not None and _place(found) == _place(step.after)


def _place(job: Execution) -> tuple[object, ...]:
    return job.attempt, job.seq, job.status, job.owner
