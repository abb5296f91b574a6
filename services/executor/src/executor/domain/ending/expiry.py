"""Questions whose time has run out: what `on_expiry` says takes the place of an answer, once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import orjson

from common.errors import InvalidRequest, Unavailable
from common.logs import get_logger
from common.storage.formats import NewerFormat
from executor.domain.ending.settlement import Settlement
from executor.domain.log import moves
from executor.domain.log.execution import Execution, JobStep
from executor.domain.log.ports import Announcements, Executions
from executor.domain.log.questions import Answer, Question, question_of
from executor.domain.log.validity import validate_answer
from executor.domain.meters import Meters

log = get_logger(__name__)

_SWEPT = 200
_TRIES = 5
_ANSWER = "answer:"
_COMMENT = "Nobody answered in time."


class ExpiringQuestions(Protocol):
    """Finding questions whose time has run out."""

    async def expired_questions(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return the jobs and ids of open questions that expired by `now`, the earliest first."""


class Expiry:
    """Answers expired questions. Any number of workers may sweep: each answer is one conditional write."""

    def __init__(
        self,
        questions: ExpiringQuestions,
        executions: Executions,
        settlement: Settlement,
        bus: Announcements,
        meters: Meters,
    ) -> None:
        self._questions = questions
        self._executions = executions
        self._settlement = settlement
        self._bus = bus
        self._meters = meters

    async def sweep(self, now: datetime) -> int:
        """Answer up to 200 expired questions; return how many were answered here."""
        answered = 0
        for job_id, question_id in await self._questions.expired_questions(now, _SWEPT):
            try:
                answered += await self._expire(job_id, question_id, now)
            except NewerFormat:  # a newer worker takes care of it
                continue
        return answered

    async def _expire(self, job_id: str, question_id: str, now: datetime) -> bool:
        for _ in range(_TRIES):
            job = await self._executions.head(job_id)
            asked = () if job is None else job.open_questions
            place = next((one for one in asked if one.question_id == question_id), None)
            if job is None or place is None:
                return False
            (record,) = await self._executions.records(job_id, place.asked - 1, 1)
            question = question_of(record.entry())
            if question.expires_at is None or question.expires_at > now:
                return False
            step = moves.answer(job, question, await answer_at_expiry(question), None, now)
            if await self._executions.apply(step):
                await self._announce(step, question)
                return True
        return False  # its worker writes all the time; the next sweep tries again

    async def _announce(self, step: JobStep, question: Question) -> None:
        ids: dict[str, str] = {"job_id": step.job_id, "question_id": question.question_id}
        log.info("a question has expired", **ids, on_expiry=question.on_expiry)
        job = step.after
        if job.final:
            log.info("a job has ended", **job.log_fields)
            self._meters.count_ended(job.status, job.seconds_run, job.error_code)
            self._settlement.add(job)
        await self._wake([job] if job.owner is None else [], step.before.owner)

    async def _wake(self, jobs: Sequence[Execution], owner: str | None) -> None:
        """Tell a worker at once; without the bus, the job is found in the store."""
        try:
            for job in jobs:
                if not job.final:
                    await self._bus.publish_submission(job)
                elif owner is not None:
                    await self._bus.publish_stop(job)
        except Unavailable as fault:
            log.warning("a job with an expired question waits to be found", reason=str(fault))


async def answer_at_expiry(question: Question) -> Answer:
    """Return what takes the place of an answer. What the kind of question does not allow is `expired`."""
    said = _policy_answer(question.on_expiry or "fail", question)
    if said is None:
        return Answer("expired")
    try:
        return await validate_answer(said, question)
    except InvalidRequest:
        return Answer("expired")


def _policy_answer(policy: str, question: Question) -> Answer | None:
    if policy == "approve":
        return Answer("approved")
    if policy == "reject":
        return Answer("rejected", comment=_COMMENT)
    if not policy.startswith(_ANSWER):
        return None
    text = policy.removeprefix(_ANSWER)
    if question.response_schema is None:
        return Answer("answered", text)
    return Answer("answered", _value(text))


def _value(text: str) -> object:
    """Return the JSON value in `text`, else the text itself."""
    try:
        return orjson.loads(text)
    except ValueError:
        return text
