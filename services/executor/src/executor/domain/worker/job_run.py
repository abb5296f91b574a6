"""One run of a claimed job, from the claim until the job ends, is handed back or is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace

from common.contracts.events import ExecutionStatus
from common.errors import Unavailable
from common.logs import bound, get_logger
from common.process.turns import let_messages_leave
from common.telemetry import extract
from executor.domain.ending.settlement import Settlement
from executor.domain.log.appender import Appender
from executor.domain.log.events import MISMATCH, LogEntry, UnreadableEvent
from executor.domain.log.execution import Execution
from executor.domain.log.journal import (
    CrewRunner,
    Job,
    RecordedJob,
    Replay,
    Superseded,
    TooLarge,
)
from executor.domain.log.ports import Announcements, Executions
from executor.domain.log.reading import MOST_BYTES, MOST_EVENTS, JobLog
from executor.domain.meters import Meters

log = get_logger(__name__)

_ANNOUNCED = 2.0
"""Seconds an ended run waits for its last confirms before the settlement publishes the rest."""


@dataclass(frozen=True, slots=True)
class RunServices:
    """What all runs of a worker share. `patience` is how many seconds a write waits for the store."""

    executions: Executions
    bus: Announcements
    settlement: Settlement
    runner: Callable[[], Awaitable[CrewRunner]]
    tracer: trace.Tracer
    meters: Meters
    patience: float = 30.0


class JobRun:
    """Runs one claimed job. `handing_back` returns whether a run that is cut off hands its job back."""

    def __init__(
        self, claimed: Execution, services: RunServices, handing_back: Callable[[], bool]
    ) -> None:
        self.claimed = claimed
        self.journal: Appender | None = None
        self._services = services
        self._handing_back = handing_back

    @property
    def job(self) -> Execution:
        """The job as this run last wrote it."""
        return self.claimed if self.journal is None else self.journal.job

    async def run(self) -> None:
        """Run the job in its own span. Never raises, not even on cancellation."""
        job = self.claimed
        span = self._services.tracer.start_span(
            _span_name(job), _parent(job), attributes=_attributes(job)
        )
        token = otel_context.attach(trace.set_span_in_context(span))
        try:
            with bound(job_id=job.job_id, workspace_id=job.workspace_id, attempt=job.attempt):
                await self._run_to_end()
        except asyncio.CancelledError:
            log.info("a run was cut off", job_id=job.job_id)
        except Exception:
            log.exception("a run could not be finished", job_id=job.job_id)
        finally:
            otel_context.detach(token)
            span.end()

    async def _run_to_end(self) -> None:
        # Made inside the span of this run, so that what it publishes belongs to it.
        journal = self._journal()
        try:
            await let_messages_leave()  # the event of the claim
            log.info("a job runs", crew_id=self.claimed.crew_id)
            await self._execute(journal)
        except Superseded:
            self._services.meters.count_superseded()
            log.info("a run stops: its job has moved on", job_id=self.claimed.job_id)
        except Unavailable as fault:
            # Still ours in the store. `OwnJobs` hands it back when the store is up again.
            log.exception("a run is given up: the store stays down", reason=str(fault))
        except asyncio.CancelledError:
            await self._hand_back(journal)
            raise
        finally:
            try:
                await self._finish(journal)
            finally:  # `_finish` may be cut off too
                journal.announcer.stop()

    def _journal(self) -> Appender:
        of = self._services
        self.journal = Appender(self.claimed, of.executions, of.bus, of.meters, of.patience)
        return self.journal

    async def _execute(self, journal: Appender) -> None:
        try:
            work = await self._work()
        except UnreadableEvent as fault:
            await journal.fail(MISMATCH, str(fault))
            return
        try:
            runner = await self._services.runner()
            await runner.run(work, journal)
            await journal.flush()
            if journal.job.status == ExecutionStatus.RUNNING:
                raise RuntimeError("The run returned without an end.")
        except (Superseded, Unavailable):
            raise
        except TooLarge as fault:
            await journal.fail("OUTPUT_TOO_LARGE", str(fault))
        except Exception:
            log.exception("a run failed with a bug", job_id=self.claimed.job_id)
            await journal.fail("INTERNAL_ERROR", "The run failed with an internal error.")

    async def _work(self) -> Job:
        job = self.claimed
        return Job(
            job_id=job.job_id,
            workspace_id=job.workspace_id,
            crew_id=job.crew_id,
            attempt=job.attempt,
            inputs=job.inputs,
            snapshot=_snapshot(job),
            history=await self._history(),
            replayed=None if job.replay is None else await self._recorded_job(job.replay),
        )

    async def _recorded_job(self, modes: Replay) -> RecordedJob:
        """Return the job that this one replays. Raises `UnreadableEvent`."""
        executions = self._services.executions
        found = await executions.find(modes.job_id)
        if found is None or found.snapshot is None:
            raise UnreadableEvent(f"The recorded job {modes.job_id} is not there any more.")
        if found.seq > MOST_EVENTS:
            raise _too_long(found)
        history: list[LogEntry] = []
        size = 0
        async for record in JobLog(executions, found).forwards(0):  # others run meanwhile
            size += record.size
            if size > MOST_BYTES:
                raise _too_long(found)
            history.append(record.entry())
        if len(history) < found.seq:
            raise UnreadableEvent(_cut_off(found))
        return RecordedJob(modes, found.snapshot, history)

    async def _history(self) -> Sequence[LogEntry]:
        log = JobLog(self._services.executions, self.claimed)
        history = [record.entry() async for record in log.forwards(0)]
        if len(history) < self.claimed.seq:
            raise RuntimeError(_cut_off(self.claimed))
        return history

    async def _hand_back(self, journal: Appender) -> None:
        if not self._handing_back():
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
            log.info("a job has ended", **job.log_fields)
            self._services.meters.count_ended(job.status, job.seconds_run, job.error_code)
            await journal.announcer.drained(_ANNOUNCED)
            self._services.settlement.add(replace(job, published=journal.announcer.published))

    async def _leave_waiting(self, journal: Appender) -> None:
        if journal.job.status != ExecutionStatus.WAITING_FOR_INPUT:
            return
        if await journal.announcer.drained(_ANNOUNCED):
            job = replace(journal.job, published=journal.announcer.published)
            try:
                await self._services.settlement.flush(job)
            except Unavailable as fault:
                log.warning("a waiting job's tail stays", reason=str(fault))


def _too_long(recorded: Execution) -> UnreadableEvent:
    return UnreadableEvent(
        f"The log of the recorded job {recorded.job_id} is too long to be replayed: at most {MOST_EVENTS:,} events "
        f"with {MOST_BYTES // 2**20} MiB."
    )


def _cut_off(job: Execution) -> str:
    return f"The log of {job.job_id} ends before event {job.seq}."


def _span_name(job: Execution) -> str:
    """Return the name of a run's span: of a workflow, by the conventions for generative AI."""
    return "invoke_workflow" + ("" if job.snapshot is None else f" {job.snapshot.name}")


def _attributes(job: Execution) -> dict[str, Any]:
    named = {} if job.snapshot is None else {"gen_ai.workflow.name": job.snapshot.name}
    return {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.conversation.id": job.job_id,
        **named,
        "kasal.job_id": job.job_id,
        "kasal.workspace_id": job.workspace_id,
        "kasal.crew_id": job.crew_id,
        "kasal.attempt": job.attempt,
    }


def _parent(job: Execution) -> otel_context.Context:
    """Return the context that the run continues: of the job's message, or of the request that made it."""
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
