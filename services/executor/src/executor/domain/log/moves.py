"""The moves of a job, each a value: claim, refuse, hand back, stop, answer, append."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from common.contracts.crew import CrewSnapshot
from common.contracts.events import (
    EventType,
    ExecutionResumed,
    ExecutionStart,
    ExecutionStatus,
    ExecutionStop,
    InputReceived,
    RunError,
)
from executor.domain.log.events import EventDraft, ResumeKept
from executor.domain.log.execution import ANSWERS, Execution, JobStep, step
from executor.domain.log.questions import Answer, Question
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
    draft = _resume_draft(job, lost=lost) if job.attempt else _start_draft(job.crew_id, crew)
    attempt = job.attempt + 1
    records = number([draft], job.job_id, job.seq, attempt, now)
    return step(job, records, owner=owner, attempt=attempt, lost_claims=lost_claims, snapshot=crew)


def _start_draft(crew_id: str, crew: CrewSnapshot) -> EventDraft:
    tasks = [task.id for task in crew.tasks]
    return EventDraft(
        ExecutionStart(crew=crew.name, crew_id=crew_id, tasks_count=len(tasks), tasks=tasks)
    )


def _resume_draft(job: Execution, *, lost: bool) -> EventDraft:
    if job.state.last == EventType.INPUT_RECEIVED:
        reason = "input_received"
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


def answer(job: Execution, question: Question, said: Answer, by: str, now: datetime) -> JobStep:
    """Return the step that gives a waiting `job` a person's answer. Any worker may then claim it.

    A rejection ends the job.
    """
    task_id = _or_unset(question.task_id)
    told = InputReceived(
        question_id=question.question_id,
        task_id=task_id,
        outcome=said.outcome,
        input=_or_unset(said.input),
        comment=_or_unset(said.comment),
        by=by,
    )
    drafts = [EventDraft(told)]
    if said.outcome == "rejected":
        message, comment = _rejection(question, said), _or_unset(said.comment)
        drafts.append(
            EventDraft(RunError(code="REJECTED", message=message, task_id=task_id, comment=comment))
        )
    records = number(drafts, job.job_id, job.seq, job.attempt, now)
    return step(job, records, owner=None, format=max(job.format, ANSWERS))


def _rejection(question: Question, said: Answer) -> str:
    what = "answer" if question.kind == "review" else "tool call of unknown outcome"
    why = f": {said.comment}" if said.comment else "."
    return f"The {what} of the task {question.task_id} was rejected{why}"


def _or_unset(text: str | None) -> str | UnsetType:
    return UNSET if text is None else text


def append(job: Execution, records: Sequence[Record], *, copied: int, published: int) -> JobStep:
    """Return the step by which the job's writer appends `records`.

    Events up to `copied` are in the traces and leave the tail. A job that begins to wait for a
    person loses its owner. Progress resets the count of lost claims.
    """
    kept = tuple(record for record in job.tail if record.seq > copied)
    waits = any(record.type == EventType.INPUT_REQUIRED for record in records)
    owner = None if waits else job.owner
    lost = 0 if records else job.lost_claims
    return step(job, tuple(records), tail=kept, published=published, owner=owner, lost_claims=lost)


CLAIMABLE = frozenset({ExecutionStatus.QUEUED, ExecutionStatus.RUNNING})
"""Statuses in which a job without a live owner waits for a worker."""
