"""Finds the question that an answer is for, and the move it makes."""

from typing import NoReturn

from msgspec import UNSET, UnsetType

from common.contracts.events import InputReceived
from common.errors import Conflict, NotFound
from common.times import rfc3339, utc_now
from executor.domain.log import moves
from executor.domain.log.events import LogEntry
from executor.domain.log.execution import Execution, JobStep
from executor.domain.log.ports import Executions
from executor.domain.log.questions import (
    Answer,
    Question,
    QuestionPlace,
    answer_of,
    question_of,
    validate_answer,
)


async def move(
    executions: Executions, job: Execution, said: Answer, *, by: str, question_id: str | None
) -> JobStep | Execution:
    """Return the step by which `said` answers `job`, or the job if it already has the same answer.

    Raises as `Control.answer` does.
    """
    place = _place(job, question_id)
    question = question_of(await _event(executions, job, place.asked))
    if place.answered is None:
        return moves.answer(job, question, validate_answer(said, question), by, utc_now())
    first = await _event(executions, job, place.answered)
    if answer_of(first) != validate_answer(said, question):
        _refuse(job, question, first)
    return job


async def open_question(executions: Executions, job: Execution) -> Question | None:
    """Return the question that `job` waits on, or None."""
    place = job.pending_question
    return None if place is None else question_of(await _event(executions, job, place.asked))


def _place(job: Execution, question_id: str | None) -> QuestionPlace:
    known = {
        place.question_id: place for place in (*job.state.questions, job.pending_question) if place
    }
    if question_id is not None and question_id not in known:
        raise NotFound(
            f"The job {job.job_id} has not asked a question {question_id}.",
            details={"questions": list(known)[-20:]},
        )
    place = (
        known[question_id]
        if question_id
        else (job.pending_question or next(reversed(known.values()), None))
    )
    if place is None or (place.answered is None and place != job.pending_question):
        raise Conflict(
            f"The job {job.job_id} is {job.status}; it does not wait for input.",
            details={"status": job.status.value},
        )
    return place


async def _event(executions: Executions, job: Execution, seq: int) -> LogEntry:
    (record,) = await executions.records(job.job_id, seq - 1, 1)
    return record.entry()


def _who(entry: LogEntry) -> str | None:
    by = entry.body.by if isinstance(entry.body, InputReceived) else UNSET
    return None if isinstance(by, UnsetType) else by


def _refuse(job: Execution, question: Question, first: LogEntry) -> NoReturn:
    given = answer_of(first).fields
    raise Conflict(
        f"The question {question.question_id} of the job {job.job_id} already has a different answer: "
        f"{given['outcome']}.",
        details={
            "status": job.status.value,
            "question_id": question.question_id,
            "answer": {
                **given,
                "by": _who(first),
                "answered_at": rfc3339(first.timestamp),
            },
        },
    )
