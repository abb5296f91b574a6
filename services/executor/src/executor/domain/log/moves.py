"""The moves of a job, each a value: claim, refuse, hand back, stop, answer, append."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from common.contracts.crew import CrewSnapshot
from common.contracts.events import (
    EventType,
    ExecutionResumed,
    ExecutionStart,
    ExecutionStatus,
    ExecutionStop,
    InputReceived,
    InputRequired,
    RunError,
)
from executor.domain.log.events import EventDraft, LogEntry, QuestionKept, ResumeKept
from executor.domain.log.execution import (
    ANSWERS,
    ELICITATION,
    QUESTIONS,
    WRITES,
    Execution,
    JobStep,
    format_for,
    step,
)
from executor.domain.log.projection import parks
from executor.domain.log.questions import NEW_KINDS, Answer, Question
from executor.domain.log.records import Record, number


def claim(
    job: Execution,
    owner: str,
    now: datetime,
    *,
    lost: bool,
    limit: int,
    snapshot: CrewSnapshot | None = None,
) -> JobStep:
    """Return the step by which `owner` takes `job`.

    `snapshot` is the crew, for a job stored without it; the claim stores it. `lost` says that the
    last owner died. If `limit` owners in a row died without progress, the job ends with
    `ATTEMPTS_EXHAUSTED` instead.
    """
    lost_claims = job.lost_claims + lost
    if lost_claims >= limit:
        return refuse(
            job,
            owner,
            now,
            code="ATTEMPTS_EXHAUSTED",
            message=f"The job lost its worker {lost_claims} times in a row and is given up.",
            lost_claims=lost_claims,
        )
    crew = job.snapshot or snapshot
    if crew is None:
        raise ValueError(f"The job {job.job_id} cannot be claimed without its crew.")
    version = crew.version or job.crew_version
    draft = _resume_draft(job, lost=lost) if job.attempt else _start_draft(job, crew, version)
    attempt = job.attempt + 1
    records = number([draft], job.job_id, job.seq, attempt, now)
    claimed = {"owner": owner, "attempt": attempt, "lost_claims": lost_claims}
    return step(
        job, records, snapshot=crew, crew_version=version, format=format_for(crew), **claimed
    )


def _start_draft(job: Execution, crew: CrewSnapshot, version: int | None) -> EventDraft:
    tasks = [task.id for task in crew.tasks]
    return EventDraft(
        ExecutionStart(
            crew=crew.name,
            crew_id=job.crew_id,
            version=version or UNSET,
            tasks_count=len(tasks),
            tasks=tasks,
        )
    )


def _resume_draft(job: Execution, *, lost: bool) -> EventDraft:
    if job.state.last == EventType.INPUT_RECEIVED:
        reason = "input_received"
    elif job.state.last == EventType.EXECUTION_FORKED:
        reason = "forked"
    else:
        reason = "worker_lost" if lost else "handed_over"
    whole = not lost and job.handed_over == job.attempt
    return EventDraft(ExecutionResumed(reason=reason), ResumeKept(whole=True) if whole else None)


def refuse(
    job: Execution, owner: str | None, now: datetime, *, code: str, message: str, **changes: Any
) -> JobStep:
    """Return the step that ends `job` as failed."""
    draft = EventDraft(RunError(code=code, message=message))
    return step(job, number([draft], job.job_id, job.seq, job.attempt, now), owner=owner, **changes)


def hand_back(job: Execution, *, published: int, whole: bool = False) -> JobStep:
    """Return the step by which a worker that shuts down releases `job`. It appends no event.

    `whole` says that every effect it began has ended, with its result stored.
    """
    handed_over = job.attempt if whole else job.handed_over
    return step(job, (), owner=None, published=published, handed_over=handed_over)


def stop(job: Execution, now: datetime, reason: str = "requested") -> JobStep:
    """Return the step that ends `job` as stopped."""
    draft = EventDraft(ExecutionStop(reason=reason))
    return step(job, number([draft], job.job_id, job.seq, job.attempt, now), owner=None)


def answer(
    job: Execution, question: Question, said: Answer, by: str | None, now: datetime
) -> JobStep:
    """Return the step that gives `job` the answer to one of its open questions.

    If the job waits, any worker may then claim it; if it runs, it stays with its worker. `by` is None
    for what `on_expiry` decides. A rejected review or call of unknown outcome ends the job, and so does
    a question that nobody answered in time.
    """
    told = InputReceived(
        question_id=question.question_id,
        task_id=_or_unset(question.task_id),
        outcome=said.outcome,
        input=_or_unset(said.input),
        arguments=UNSET if said.arguments is None else dict(said.arguments),
        comment=_or_unset(said.comment),
        by=_or_unset(by),
        expired=True if by is None else UNSET,
    )
    end = _end_by(question, said)
    drafts = [EventDraft(told), *([EventDraft(end)] if end is not None else [])]
    records = number(drafts, job.job_id, job.seq, job.attempt, now)
    newer = question.kind in NEW_KINDS or by is None
    needed = QUESTIONS if newer else ANSWERS
    owner = None if end is not None else job.owner
    return step(job, records, owner=owner, format=max(job.format, needed))


def _end_by(question: Question, said: Answer) -> RunError | None:
    """Return the error that ends the job with this answer, if it does."""
    if said.outcome == "expired":
        code = "QUESTION_EXPIRED"
        message = f"Nobody answered the question {question.question_id} of the task {question.task_id} in time."
    elif said.outcome == "rejected" and question.kind not in NEW_KINDS:
        code = "REJECTED"
        what = "answer" if question.kind == "review" else "tool call of unknown outcome"
        why = f": {said.comment}" if said.comment else "."
        message = f"The {what} of the task {question.task_id} was rejected{why}"
    else:
        return None
    task_id, comment = _or_unset(question.task_id), _or_unset(said.comment)
    return RunError(code=code, message=message, task_id=task_id, comment=comment)


ValueT = TypeVar("ValueT")


def _or_unset(value: ValueT | None) -> ValueT | UnsetType:
    return UNSET if value is None else value


def append(job: Execution, records: Sequence[Record], *, copied: int, published: int) -> JobStep:
    """Return the step by which the job's writer appends `records`.

    Events up to `copied` are in the traces and leave the tail. A job whose run has to wait for a person
    loses its owner. Progress resets the count of lost claims.
    """
    kept = tuple(record for record in job.tail if record.seq > copied)
    asked = [record.entry() for record in records if record.type in _ASKING]
    owner = None if any(parks(entry.body) for entry in asked) else job.owner
    lost = 0 if records else job.lost_claims
    written = max(map(_format_of, asked), default=WRITES)
    return step(
        job,
        tuple(records),
        tail=kept,
        published=published,
        owner=owner,
        lost_claims=lost,
        format=written,
    )


_ASKING = frozenset({EventType.INPUT_REQUIRED, EventType.EXECUTION_WAITING})


def _format_of(entry: LogEntry) -> int:
    """Return the format of a job that asks what `entry` does, or waits so."""
    body, kept = entry.body, entry.private
    if isinstance(kept, QuestionKept) and kept.keys is not UNSET:
        return ELICITATION
    newer = not isinstance(body, InputRequired) or body.goes_on is True or body.kind in NEW_KINDS
    return QUESTIONS if newer else WRITES


CLAIMABLE = frozenset({ExecutionStatus.QUEUED, ExecutionStatus.RUNNING})
"""Statuses in which a job without a live owner waits for a worker."""
