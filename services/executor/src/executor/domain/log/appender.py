"""The journal of a running job: group commit of its events, fenced by the job's attempt."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from common.contracts.events import TERMINAL_EVENTS, EventType, RunError
from common.errors import Unavailable
from common.logs import get_logger
from common.process.backoff import Backoff
from common.storage.formats import NewerFormat
from common.times import utc_now
from executor.domain.log import moves
from executor.domain.log.announcer import Announcer
from executor.domain.log.effects import Effects
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution, JobStep
from executor.domain.log.journal import Superseded, TooLarge
from executor.domain.log.ports import Announcements, Executions
from executor.domain.log.projection import parks
from executor.domain.log.records import Record, Sealed, json_bytes, seal
from executor.domain.meters import Meters

log = get_logger(__name__)

ResultT = TypeVar("ResultT")

_LINE = 5_000
"""Events that may wait for the store. A run that appends more without a flush is ended."""
_BATCH, _BATCH_BYTES = 500, 1024 * 1024
_LARGEST = 2 * 1024 * 1024
"""Bytes that one event may have."""
_OUTPUTS = 6 * 1024 * 1024
"""Bytes that all outputs of a job may have. They are in its document, which MongoDB limits to 16 MiB."""
_TURNS = 3
"""Turns of the event loop before a write, so that a run with quick models adds more events to it."""
_TAIL_EVENTS, _TAIL_BYTES = 64, 256 * 1024
"""A tail longer than this is copied to the traces while the job still runs."""
_BACKOFF = Backoff((0.05, 0.2, 0.5, 1.0, 2.0))
_SURE_FOR = 1.0
"""Seconds after a write for which the job certainly still belongs to this writer."""
_PROOFS = 3
_KEPT = frozenset({EventType.TASK_COMPLETE, EventType.EXECUTION_COMPLETE})


class Appender:
    """Fulfils `Journal` for one claim of one job.

    `patience` is how many seconds a write is retried while the store is down. `job` is the job as
    this writer last wrote it.
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
        self.effects = Effects()
        self._executions = executions
        self._meters = meters
        self._patience = patience
        self._line: list[Sealed] = []
        self._writer: asyncio.Task[None] | None = None
        self._fault: Exception | None = None
        self._complete = job.final
        self._copied = 0
        self._stamp: datetime | None = None
        self._sure = float("-inf")
        self._outputs = _outputs(job)
        self.announcer = Announcer(job, executions, bus)
        self.announcer.put(())

    def append(self, *drafts: EventDraft) -> None:
        """Queue events for the next write. Events after the one that ends the run are ignored.

        Raises `TypeError` for an event that JSON cannot hold, and `TooLarge` for an event that is too
        large or for too many events at once.
        """
        if self._fault is not None:
            return
        if len(drafts) > _LINE:
            raise TooLarge(f"One step made {len(drafts)} events; at most {_LINE} are kept.")
        for draft in drafts:
            if self._complete:
                break
            self._line.append(self._seal(draft))
            self._complete = ends_run(draft)
        if len(self._line) > _LINE:
            self._fault = Unavailable("The store is too slow for this run's events.")
        elif self._line and self._writer is None:
            self._writer = asyncio.create_task(self._write(), name=f"append {self.job.job_id}")
            self._writer.add_done_callback(self._log_failure)

    def _seal(self, draft: EventDraft) -> Sealed:
        sealed = seal(draft, self._now())
        if sealed.size > _LARGEST:
            raise TooLarge(
                f"One {draft.type} has {sealed.size} bytes; at most {_LARGEST} are kept."
            )
        if draft.type in _KEPT:
            self._outputs += len(sealed.fields)
            if self._outputs > _OUTPUTS:
                raise TooLarge(f"The outputs of this job have more than {_OUTPUTS} bytes.")
        return sealed

    def _log_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("the journal failed", job_id=self.job.job_id, exc_info=task.exception())

    def _now(self) -> datetime:
        now = utc_now()
        self._stamp = now if self._stamp is None else max(now, self._stamp)
        return self._stamp

    async def flush(self) -> None:
        """Return when all pending events are stored. Raises `Superseded` or `Unavailable`."""
        while self._writer is not None and self._fault is None:
            await asyncio.shield(self._writer)
        if self._fault is not None:
            raise self._fault

    @asynccontextmanager
    async def effect(self) -> AsyncIterator[None]:
        """Fulfil `Journal.effect`."""
        await self.flush()
        await self._prove()
        async with self.effects.one():
            yield

    async def _prove(self) -> None:
        """Ask the store whether the job is still ours, unless a write has just shown it.

        A worker that was paused may have lost its job without noticing. If the store answers too
        slowly each time, there is nothing better to know.
        """
        loop = asyncio.get_running_loop()
        for _ in range(_PROOFS):
            if loop.time() - self._sure <= _SURE_FOR:
                return
            begun = loop.time()
            head = await patiently(self._head, self._patience)
            if head is None or (head.attempt, head.owner) != (self.job.attempt, self.job.owner):
                raise Superseded(f"The job {self.job.job_id} has moved on without this worker.")
            self._sure = begun

    async def _head(self, _: int) -> Execution | None:
        return await self._executions.head(self.job.job_id)

    async def _write(self) -> None:
        try:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            while self._line:
                await self._commit(self._batch())
                await self._shorten()
        except (Superseded, Unavailable) as fault:
            self._fault = fault
        except Exception as fault:
            self._fault = fault
            raise
        finally:
            # Here, not in the done callback: that runs a turn later, after the next append.
            self._writer = None

    def _batch(self) -> Sequence[Sealed]:
        count = size = 0
        for sealed in self._line[:_BATCH]:
            size += sealed.size
            if count and size > _BATCH_BYTES:
                break
            count += 1
        batch, self._line = self._line[:count], self._line[count:]
        return batch

    def _number(self, batch: Sequence[Sealed]) -> tuple[Record, ...]:
        job = self.job
        return tuple(
            sealed.record(job.job_id, job.seq + place, job.attempt)
            for place, sealed in enumerate(batch, start=1)
        )

    async def _commit(self, batch: Sequence[Sealed]) -> None:
        def append(job: Execution) -> JobStep:
            records = self._number(batch)
            return moves.append(
                job, records, copied=self._copied, published=self.announcer.published
            )

        step = await self._carry_out(append)
        self._meters.count_appended(len(batch))
        self.announcer.put(step.records)

    async def _carry_out(self, move: Callable[[Execution], JobStep]) -> JobStep:
        """Make a move from the job as it is, again after each answer that arrives meanwhile."""
        while True:
            begun = asyncio.get_running_loop().time()
            step = move(self.job)
            try:
                await carry_out(self._executions, step, self._patience)
            except Superseded:
                await self._read_answers()
                continue
            self._sure = begun
            self.job = step.after
            return step

    async def _read_answers(self) -> None:
        """Take over what people have answered while the job ran here. Raises as `flush` does."""

        async def read(_: int) -> tuple[Execution, Sequence[Record]]:
            found = await self._executions.head(self.job.job_id)
            if found is None or not _still_ours(found, self.job):
                raise Superseded(f"The job {self.job.job_id} has moved on without this worker.")
            missed = found.seq - self.job.seq
            records = await self._executions.records(self.job.job_id, self.job.seq, missed)
            if any(record.type != EventType.INPUT_RECEIVED for record in records):
                raise Superseded(f"Another writer has written to the job {self.job.job_id}.")
            return found, records

        found, records = await patiently(read, self._patience)
        self.job = replace(
            self.job,
            seq=found.seq,
            state=found.state,
            status=found.status,
            format=found.format,
            tail=(*self.job.tail, *records),
        )
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

    async def fail(self, code: str, message: str) -> None:
        """End the job with an error, even if the journal itself has failed.

        Pending events that cannot be stored are dropped. Raises as `flush` does.
        """
        try:
            self.append(EventDraft(RunError(code=code, message=message)))
            await self.flush()
        except (Superseded, Unavailable):
            raise
        except Exception:
            log.exception(
                "pending events dropped: they could not be stored", job_id=self.job.job_id
            )
        if not self.job.final and self.job.owner is not None:
            self._complete = True

            def refuse(job: Execution) -> JobStep:
                return moves.refuse(job, job.owner, utc_now(), code=code, message=message)

            step = await self._carry_out(refuse)
            self.announcer.put(step.records)

    async def hand_back(self) -> None:
        """Store the pending events, then release the job. Raises as `flush` does."""
        self._complete = True
        await self.flush()
        if not self.job.final and self.job.owner is not None:
            published, whole = self.announcer.published, not self.effects.cut
            await self._carry_out(
                lambda job: moves.hand_back(job, published=published, whole=whole)
            )


async def carry_out(executions: Executions, step: JobStep, patience: float) -> None:
    """Write `step`; retry for at most `patience` seconds while the store is down.

    After a failed try the job is read again, since the write may have succeeded. Raises `Superseded`
    if the job has moved on without this writer, `Unavailable` if the store stays down.
    """

    async def attempt(tries: int) -> None:
        if tries and await _got_through(executions, step):
            return
        if await executions.apply(step) or await _got_through(executions, step):
            return
        raise Superseded(
            f"The job {step.job_id} has moved on without attempt {step.before.attempt}."
        )

    await patiently(attempt, patience)


async def patiently(call: Callable[[int], Awaitable[ResultT]], patience: float) -> ResultT:
    """Return the result of `call`, which gets the number of failed tries so far.

    Retries while the store is down, for at most `patience` seconds. Then raises `Unavailable`. Raises
    `Superseded` if a newer version has written to the job.
    """
    until = asyncio.get_running_loop().time() + patience
    tries = 0
    while True:
        try:
            return await call(tries)
        except NewerFormat as fault:
            raise Superseded(str(fault)) from fault
        except Unavailable:
            pause = _BACKOFF.pause(tries + 1)
            if asyncio.get_running_loop().time() + pause > until:
                raise
            tries += 1
            await asyncio.sleep(pause)


async def _got_through(executions: Executions, step: JobStep) -> bool:
    """Say whether `step` was written, by its newest event: a person's answer may take the same number."""
    found, newest = await executions.head(step.job_id), step.records[-1:]
    if found is None:
        return False
    if _place(found) == _place(step.after):
        return not newest or not found.tail or found.tail[-1:] == newest
    return bool(newest) and _still_ours(found, step.after) and newest[0] in found.tail


def _still_ours(found: Execution, ours: Execution) -> bool:
    same = (found.attempt, found.owner) == (ours.attempt, ours.owner)
    return same and not found.final and found.seq > ours.seq


def ends_run(draft: EventDraft) -> bool:
    """Say whether a run appends nothing after `draft`."""
    return draft.type in TERMINAL_EVENTS or parks(draft.body)


def _outputs(job: Execution) -> int:
    return sum(len(json_bytes(task.output)) for task in job.state.tasks if task.output is not None)


def _place(job: Execution) -> tuple[object, ...]:
    return job.attempt, job.seq, job.status, job.owner
