"""Finds the question that an answer is for, and the move it makes."""

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn

from msgspec import UNSET, UnsetType

from common.contracts.events import InputReceived
from common.errors import Conflict, Forbidden, InvalidRequest, NotFound
from common.identity import ROLES, Role
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
)
from executor.domain.log.validity import validate_answer


async def move(
    executions: Executions,
    job: Execution,
    said: Answer,
    *,
    by: str,
    role: Role,
    question_id: str | None,
) -> JobStep | Execution:
    """Return the step by which `said` answers `job`, or the job if it already has the same answer.

    Raises as `Control.answer` does.
    """
    place = _place(job, question_id)
    question = question_of(await _event(executions, job, place.asked))
    _check_role(question, role)
    parameters = None
    if said.arguments is not None and question.tool_call is not None:
        parameters = await _parameters(executions, job, question.tool_call.tool)
    answer = await validate_answer(said, question, parameters)
    if place.answered is None:
        return moves.answer(job, question, answer, by, utc_now())
    first = await _event(executions, job, place.answered)
    if answer_of(first) != answer:
        _refuse(job, question, first)
    return job


async def open_questions(executions: Executions, job: Execution) -> list[Question]:
    """Return the questions of `job` that nobody has answered, oldest first."""
    places = job.open_questions
    events = await asyncio.gather(*(_event(executions, job, place.asked) for place in places))
    return [question_of(event) for event in events]


def _check_role(question: Question, role: Role) -> None:
    least = ROLES[question.answered_by]
    if role < least:
        raise Forbidden(
            f"The question {question.question_id} is answered by the role {least.label} or above; yours "
            f"is {role.label}.",
            details={"required_role": least.label},
        )


async def _parameters(
    executions: Executions, job: Execution, tool: str
) -> Mapping[str, Any] | None:
    """Return the JSON Schema of a tool's arguments, as the job's crew had it when it was accepted."""
    whole = await executions.find(job.job_id)
    tools = () if whole is None or whole.snapshot is None else whole.snapshot.tools
    return next((known.parameters for known in tools if known.name == tool), None)


def _place(job: Execution, question_id: str | None) -> QuestionPlace:
    opened = job.open_questions
    known = {place.question_id: place for place in (*job.state.questions, *opened)}
    if question_id is not None and question_id not in known:
        raise NotFound(
            f"The job {job.job_id} has not asked a question {question_id}.",
            details={"questions": list(known)[-20:]},
        )
    if question_id is None and len(opened) > 1:
        ids = [place.question_id for place in opened]
        raise InvalidRequest(
            f"The job {job.job_id} waits for {len(ids)} answers: say with `question_id` which one this is.",
            field="question_id",
            reason=f"it is needed while more than one question is open: {', '.join(ids[:20])}",
        )
    newest = opened[0] if opened else next(reversed(known.values()), None)
    place = known[question_id] if question_id else newest
    if place is None or (place.answered is None and place not in opened):
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


def _expired(entry: LogEntry) -> bool:
    return isinstance(entry.body, InputReceived) and entry.body.expired is True


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
                **({"expired": True} if _expired(first) else {}),
                "answered_at": rfc3339(first.timestamp),
            },
        },
    )
