"""The jobs this worker runs: one asyncio task each, and how each of them comes to its end."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace

from common.contracts.events import ExecutionStatus
from common.errors import Unavailable
from common.logs import bound, get_logger
from common.telemetry import extract
from common.turns import sent_ahead
from executor.domain.ending.settlement import Settlement
from executor.domain.log.appender import Appender
from executor.domain.log.events import MISMATCH, LogEntry, UnreadableEvent
from executor.domain.log.execution import Execution
from executor.domain.log.journal import CrewRunner, Job, Superseded, TooLarge
from executor.domain.log.ports import Announcements, Executions
from executor.domain.meters import Meters, Unpublished
from executor.domain.worker.turns import Places

log = get_logger(__name__)

_PAGE = 500
_NAMED = 20
_ANNOUNCED = 2.0
"""Seconds an ended run waits for its last confirms before a settlement publishes the rest."""


class Runs:
    """Runs claimed jobs, at most `slots` at a time and a `reserve` for workspaces with few of them.

    A place is taken with `reserve` before a claim, so that a claim never finds none. `on_free` is
    called when a place becomes free, `on_wait` with the jobs that a drain waits for.
    """

    def __init__(
        self,
        executions: Executions,
        bus: Announcements,
        settlement: Settlement,
        runner: Callable[[], Awaitable[CrewRunner]],
        tracer: trace.Tracer,
        meters: Meters,
        slots: int = 200,
        patience: float = 30.0,
        reserve: int = 0,
    ) -> None:
        self._executions = executions
        self._bus = bus
        self._settlement = settlement
        self._runner = runner
        self._tracer = tracer
        self._meters = meters
        self.places = Places(slots, reserve)
        self._patience = patience
        self._reserved: set[str] = set()
        self._holders: dict[str, str] = {}
        self._held_by: Counter[str] = Counter()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._claimed: dict[str, Execution] = {}
        self._journals: dict[str, Appender] = {}
        self._draining = False
        self._hastened = False
        self._moved = asyncio.Event()
        self.on_free: Callable[[], None] = lambda: None
        self.on_wait: Callable[[Sequence[str]], None] = lambda _: None

    @property
    def free(self) -> int:
        """How many more jobs of anyone there is room for; none once draining has begun."""
        return 0 if self._draining else max(0, self.places.slots - len(self._holders))

    @property
    def room(self) -> int:
        """The same with the reserve, in which not everyone is let."""
        return 0 if self._draining else self.places.slots + self.places.reserve - len(self._holders)

    def of(self, workspace_id: str) -> int:
        """Return how many jobs of the workspace are claimed or being claimed here."""
        return self._held_by[workspace_id]

    def admits(self, workspace_id: str) -> bool:
        """Say whether there is a place for another job of the workspace."""
        if self._draining:
            return False
        return self.places.admits(self._held_by[workspace_id], len(self._holders))

    def shut_out(self) -> list[str]:
        """Return the workspaces that have jobs here and get no further place."""
        return [workspace for workspace in self._held_by if not self.admits(workspace)]

    def held(self) -> frozenset[str]:
        """Return the jobs that are claimed or being claimed here."""
        return frozenset(self._holders)

    def running(self) -> Mapping[str, int]:
        """Return the running jobs, each with the attempt it was claimed by."""
        return {job_id: job.attempt for job_id, job in self._claimed.items()}

    def unpublished(self) -> Unpublished:
        """Return what the running jobs have stored and the bus has not confirmed."""
        waiting = [journal.announcer for journal in self._journals.values()]
        since = [one.waits_since for one in waiting if one.waits_since is not None]
        events = sum(announcer.waiting for announcer in waiting)
        return Unpublished(events=events, since=min(since, default=None))

    def lost_claims(self) -> Sequence[int]:
        """Return, for each running job, how many workers it has lost since it last got further."""
        journals = {job_id: journal.job for job_id, journal in self._journals.items()}
        return [job.lost_claims for job in {**self._claimed, **journals}.values()]

    def reserve(self, job_id: str, workspace_id: str) -> bool:
        """Take a place for a job that is about to be claimed; False when there is none for it."""
        if job_id in self._holders or not self.admits(workspace_id):
            return False
        self._reserved.add(job_id)
        self._holders[job_id] = workspace_id
        self._held_by[workspace_id] += 1
        return True

    def release(self, job_id: str) -> None:
        """Give a reserved place back."""
        self._reserved.discard(job_id)
        self._left(job_id)
        self._told()

    def _left(self, job_id: str) -> None:
        workspace_id = self._holders.pop(job_id, "")
        self._held_by[workspace_id] -= 1
        if self._held_by[workspace_id] <= 0:
            del self._held_by[workspace_id]

    def start(self, job: Execution) -> None:
        """Run a claimed job in the place reserved for it."""
        self._reserved.discard(job.job_id)
        task = asyncio.create_task(self._guard(job), name=f"run {job.job_id}")
        self._tasks[job.job_id] = task
        self._claimed[job.job_id] = job
        task.add_done_callback(lambda _: self._done(job.job_id))
        self._moved.set()
        self._meters.running(len(self._tasks))

    def _done(self, job_id: str) -> None:
        self._tasks.pop(job_id, None)
        self._left(job_id)
        self._claimed.pop(job_id, None)
        self._journals.pop(job_id, None)
        self._told()

    def _told(self) -> None:
        self._moved.set()
        self._meters.running(len(self._tasks))
        self.on_free()

    def cancel(self, job_id: str) -> bool:
        """Cut a run off at once, because its job has ended or is another worker's."""
        task = self._tasks.get(job_id)
        return task is not None and task.cancel()

    async def drain(self, timeout: float, patience: float = 0.0) -> None:
        """Cut all runs off and hand their jobs back, within `timeout` seconds.

        So are the jobs whose claim is under way: it may be in the store already. A run in the middle of
        a call that must not be made twice is cut off when that has ended and its result is at hand, or
        after `patience` seconds, or when `hasten` is called; `timeout` counts from the last of them.
        """
        self._draining = True
        leaving: dict[str, asyncio.Task[None]] = {}
        await asyncio.sleep(0)  # a task that has not begun would hand nothing back
        self._tell_waits(patience)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout) as bound:
                while self._tasks or self._reserved:
                    self._moved.clear()
                    for job_id in self._tasks.keys() - leaving.keys():
                        leave = self._leave(job_id, patience)
                        leaving[job_id] = asyncio.create_task(leave)
                    self._bound(bound, leaving.values(), timeout)
                    await self._moved.wait()
        for task in leaving.values():
            task.cancel()

    def _bound(
        self, bound: asyncio.Timeout, leaving: Iterable[asyncio.Task[None]], timeout: float
    ) -> None:
        """Let the time run only when nothing is waited for that has a time of its own."""
        if not all(task.done() for task in leaving):
            bound.reschedule(None)
        elif bound.when() is None:
            bound.reschedule(asyncio.get_running_loop().time() + timeout)

    def hasten(self) -> None:
        """Have a drain wait no longer for any call."""
        self._hastened = True
        for journal in self._journals.values():
            journal.effects.hasten()

    def _tell_waits(self, patience: float) -> None:
        waiting = sorted(j for j, journal in self._journals.items() if journal.effects.under_way)
        if waiting and patience and not self._hastened:
            log.warning(
                "the worker waits for calls that must not be made twice",
                jobs=waiting[:_NAMED],
                count=len(waiting),
                seconds=patience,
            )
            self.on_wait(waiting)

    async def _leave(self, job_id: str, patience: float) -> None:
        journal = self._journals.get(job_id)
        if journal is not None:
            await journal.effects.close(0.0 if self._hastened else patience)
            if journal.effects.under_way:
                log.warning("a call is cut off: its outcome will not be known", job_id=job_id)
        self.cancel(job_id)
        self._moved.set()

    async def _guard(self, job: Execution) -> None:
        attributes: dict[str, Any] = {
            "kasal.job_id": job.job_id,
            "kasal.workspace_id": job.workspace_id,
            "kasal.crew_id": job.crew_id,
            "kasal.attempt": job.attempt,
        }
        span = self._tracer.start_span("run job", _parent(job), attributes=attributes)
        token = otel_context.attach(trace.set_span_in_context(span))
        try:
            with bound(job_id=job.job_id, workspace_id=job.workspace_id, attempt=job.attempt):
                await self._run(job)
        except asyncio.CancelledError:
            log.info("a run was cut off", job_id=job.job_id)
        except Exception:
            log.exception("a run could not be finished", job_id=job.job_id)
        finally:
            otel_context.detach(token)
            span.end()

    async def _run(self, job: Execution) -> None:
        journal = Appender(job, self._executions, self._bus, self._meters, self._patience)
        self._journals[job.job_id] = journal
        try:
            await sent_ahead()  # the event of the claim
            log.info("a job runs", crew_id=job.crew_id)
            await self._execute(job, journal)
        except Superseded:
            self._meters.superseded()
            log.info("a run stops: its job has moved on", job_id=job.job_id)
        except Unavailable as fault:
            # Still ours in the store; the watch hands it back when the store is there again.
            log.exception("a run is given up: the store stays away", reason=str(fault))
        except asyncio.CancelledError:
            await self._cut_off(journal)
            raise
        finally:
            try:
                await self._finish(journal)
            finally:  # which may be cut off too
                journal.announcer.stop()

    async def _execute(self, job: Execution, journal: Appender) -> None:
        try:
            history = await self._history(job)
        except UnreadableEvent as fault:
            await journal.fail(MISMATCH, str(fault))
            return
        work = Job(
            job_id=job.job_id,
            workspace_id=job.workspace_id,
            crew_id=job.crew_id,
            attempt=job.attempt,
            inputs=job.inputs,
            snapshot=_snapshot(job),
            history=history,
        )
        try:
            runner = await self._runner()
            await runner.run(work, journal)
            await journal.flush()
            if journal.job.status == ExecutionStatus.RUNNING:
                raise RuntimeError("The run returned without an end.")
        except (Superseded, Unavailable):
            raise
        except TooLarge as fault:
            await journal.fail("OUTPUT_TOO_LARGE", str(fault))
        except Exception:
            log.exception("a run failed with a bug", job_id=job.job_id)
            await journal.fail("INTERNAL_ERROR", "The run failed with an internal error.")

    async def _history(self, job: Execution) -> Sequence[LogEntry]:
        if job.tail and job.tail[0].seq == 1:
            return [record.entry() for record in job.tail]
        history: list[LogEntry] = []
        while len(history) < job.seq:
            page = await self._executions.records(job.job_id, len(history), _PAGE)
            history += [record.entry() for record in page if record.seq <= job.seq]
            if not page:
                raise RuntimeError(f"The log of {job.job_id} ends before event {job.seq}.")
        return history

    async def _cut_off(self, journal: Appender) -> None:
        if not self._draining:
            return
        try:
            await journal.announcer.drained(1.0)
            await journal.hand_back()
        except (Superseded, Unavailable) as fault:
            log.warning("a job could not be handed back", reason=str(fault))

    async def _finish(self, journal: Appender) -> None:
        job = journal.job
        span = trace.get_current_span()
        span.set_attribute("kasal.job_status", job.status.value)
        if job.status == ExecutionStatus.FAILED:
            span.set_status(trace.StatusCode.ERROR)
        if job.owner is None:
            await self._leave_waiting(journal)
        elif job.final:
            log.info("a job has ended", **job.told)
            self._meters.ended(job.status, job.seconds_run, job.error_code)
            await journal.announcer.drained(_ANNOUNCED)
            self._settlement.add(replace(job, published=journal.announcer.published))

    async def _leave_waiting(self, journal: Appender) -> None:
        if journal.job.status != ExecutionStatus.WAITING_FOR_INPUT:
            return
        if await journal.announcer.drained(_ANNOUNCED):
            job = replace(journal.job, published=journal.announcer.published)
            try:
                await self._settlement.flush(job)
            except Unavailable as fault:
                log.warning("a waiting job's tail stays", reason=str(fault))


def _parent(job: Execution) -> otel_context.Context:
    """Return what the run goes on from: the message that brought the job, else who submitted it."""
    submitter = extract({"traceparent": job.traceparent})
    wanted = trace.get_current_span(submitter).get_span_context()
    at_hand = trace.get_current_span().get_span_context()
    if at_hand.is_valid and at_hand.trace_id == wanted.trace_id:
        return otel_context.get_current()
    return submitter


def _snapshot(job: Execution) -> Any:
    if job.snapshot is None:
        raise RuntimeError(f"The job {job.job_id} was claimed without a snapshot.")
    return job.snapshot
