"""Answers of people, as the API takes them: which question they are for, and what they may say."""

import asyncio

import pytest

from common.contracts.events import ExecutionStatus, InputRequired, set_fields
from common.errors import Conflict, Forbidden, InvalidRequest, NotFound
from common.identity import Role
from common.times import utc_now
from devkit.stores.executions import MemoryExecutions
from executor.domain.api import control
from executor.domain.api.control import Control
from executor.domain.log import moves
from executor.domain.log.events import EventDraft, QuestionKept
from executor.domain.log.execution import ANSWERS, Execution
from executor.domain.log.questions import Answer
from executor.domain.log.records import number

REVIEW = {"question_id": "question_1", "kind": "review", "task_id": "t1", "answer": "Draft."}
UNKNOWN = {"question_id": "question_1", "kind": "unknown_outcome", "task_id": "t1"}


class Told:
    def __init__(self):
        self.seen = []

    def __getattr__(self, name):
        return lambda *args: self.seen.append((name, *args))


class Asking:
    """A job in a store, which asks what it is told to ask."""

    def __init__(self, crew):
        self.store, self.told, self.settled = MemoryExecutions(), Told(), Told()
        self.control = Control(self.store, self.told, self.settled)
        self.crew = crew

    async def begin(self):
        job = Execution("job_1", "ws", "crew_1", utc_now(), snapshot=self.crew)
        await self.store.insert(job)

    @property
    def job(self):
        return self.store.jobs["job_1"]

    async def ask(self, private=None, **fields):
        claim = moves.claim(self.job, "worker_1", utc_now(), lost=False, limit=3)
        assert await self.store.apply(claim)
        job = claim.after
        draft = EventDraft(InputRequired(prompt="?", **fields), private)
        records = number([draft], job.job_id, job.seq, job.attempt, utc_now())
        assert await self.store.apply(moves.append(job, records, copied=0, published=0))

    async def say(self, outcome="answered", text=None, comment=None, by="usr_1", question_id=None):
        said = Answer(outcome, text, comment)
        return await self.control.answer(
            "ws", "job_1", said, by=by, role=Role.EDITOR, question_id=question_id
        )

    async def newest(self):
        records = await self.store.records("job_1", 0, 100)
        return [(record.type, set_fields(record.entry().body)) for record in records]


@pytest.fixture
async def asking(make_crew):
    asking = Asking(make_crew())
    await asking.begin()
    return asking


async def test_an_approval_is_stored_with_who_gave_it_and_the_job_goes_on(asking):
    await asking.ask(**REVIEW)
    job = await asking.say("approved", comment="Fine.", by="key_1")
    assert (job.status, job.owner, job.open_questions) == (ExecutionStatus.RUNNING, None, ())
    assert (await asking.newest())[-1] == (
        "input_received",
        {
            "question_id": "question_1",
            "task_id": "t1",
            "outcome": "approved",
            "comment": "Fine.",
            "by": "key_1",
        },
    )
    assert ("send_submission", job) in asking.told.seen
    assert job.format == ANSWERS, "an older worker would take it for a wish"


async def test_a_rejection_ends_the_job_with_its_comment(asking):
    await asking.ask(**REVIEW)
    job = await asking.say("rejected", comment="Never.")
    assert (job.status, job.error_code) == (ExecutionStatus.FAILED, "REJECTED")
    kind, fields = (await asking.newest())[-1]
    assert (kind, fields["comment"], fields["task_id"]) == ("error", "Never.", "t1")
    assert "Never." in job.state.error["message"]
    assert asking.settled.seen == [("add", job)]
    assert await asking.say("rejected", comment="Never.") == job
    with pytest.raises(Conflict):
        await asking.say("approved")


@pytest.mark.parametrize(
    ("asked", "outcome", "text", "field"),
    [
        (REVIEW, "answered", None, "input"),
        (REVIEW, "retry", None, "outcome"),
        (REVIEW, "approved", "Draft!", "input"),
        (REVIEW, "rejected", "because", "input"),
        (UNKNOWN, "approved", None, "outcome"),
        (UNKNOWN, "answered", None, "input"),
        (UNKNOWN, "retry", "again", "input"),
    ],
)
async def test_what_cannot_be_meant_is_refused_and_said(asking, asked, outcome, text, field):
    await asking.ask(**asked)
    with pytest.raises(InvalidRequest) as refused:
        await asking.say(outcome, text)
    assert refused.value.details["field"] == field
    assert refused.value.details["reason"]
    assert asking.job.status == ExecutionStatus.WAITING_FOR_INPUT


async def test_an_approval_may_repeat_what_it_approves(asking):
    await asking.ask(**REVIEW)
    assert (await asking.say("approved", "Draft.")).status == ExecutionStatus.RUNNING


@pytest.mark.parametrize(("outcome", "text"), [("retry", None), ("answered", " Retry\n")])
async def test_a_call_is_made_again_by_its_outcome_and_by_the_old_word(asking, outcome, text):
    await asking.ask(**UNKNOWN)
    await asking.say(outcome, text)
    assert (await asking.newest())[-1][1]["outcome"] == "retry"


async def test_the_same_answer_twice_is_once_and_another_is_shown_the_first(asking):
    await asking.ask(**REVIEW)
    for question_id in (None, "question_1", None):
        await asking.say("answered", "shorter", question_id=question_id)
    with pytest.raises(Conflict) as told:
        await asking.say("approved", question_id="question_1", by="usr_2")
    first = told.value.details["answer"]
    assert (first["outcome"], first["input"], first["by"]) == ("answered", "shorter", "usr_1")
    assert first["answered_at"].endswith("Z")
    assert [kind for kind, _ in await asking.newest()].count("input_received") == 1


async def test_an_answer_to_an_earlier_question_does_not_answer_the_open_one(asking):
    await asking.ask(**REVIEW)
    await asking.say("answered", "shorter")
    await asking.ask(**{**REVIEW, "question_id": "question_2"})
    assert (await asking.say("answered", "shorter", question_id="question_1")).open_questions
    for outcome in ("approved", "rejected"):
        with pytest.raises(Conflict):
            await asking.say(outcome, question_id="question_1")
    with pytest.raises(NotFound):
        await asking.say("approved", question_id="question_9")
    assert asking.job.open_questions[0].question_id == "question_2"
    assert (await asking.say("approved", question_id="question_2")).open_questions == ()


async def test_a_question_names_the_lowest_role_that_may_answer_it(asking):
    await asking.ask(**REVIEW, answered_by="admin")
    with pytest.raises(Forbidden) as refused:
        await asking.say("approved")
    assert refused.value.details["required_role"] == "admin"
    assert asking.job.status == ExecutionStatus.WAITING_FOR_INPUT


async def test_an_answer_beside_a_run_leaves_the_job_with_its_worker(asking):
    await asking.ask(**REVIEW, goes_on=True)
    assert (asking.job.status, asking.job.owner) == (ExecutionStatus.RUNNING, "worker_1")
    job = await asking.say("approved")
    assert (job.status, job.owner) == (ExecutionStatus.RUNNING, "worker_1"), "its worker goes on"
    assert job.state.unread


async def test_of_two_answers_at_once_one_is_taken(asking):
    await asking.ask(**REVIEW)
    said = [asking.say("approved"), asking.say("rejected"), asking.say("approved")]
    outcomes = await asyncio.gather(*said, return_exceptions=True)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) in {1, 2}
    assert [kind for kind, _ in await asking.newest()].count("input_received") == 1


async def test_an_answer_that_came_second_is_tried_again_however_long_its_first_try_took(
    asking, monkeypatch
):
    await asking.ask(**REVIEW)
    monkeypatch.setattr(control, "_WITHIN", 0.0)
    jobs = await asyncio.gather(asking.say("approved"), asking.say("approved"))
    assert [job.job_id for job in jobs] == [asking.job.job_id] * 2
    assert [kind for kind, _ in await asking.newest()].count("input_received") == 1


async def test_a_job_that_asks_nothing_takes_no_answer(asking):
    with pytest.raises(Conflict, match="does not wait"):
        await asking.say("approved")
    await asking.ask(**REVIEW)
    await asking.control.stop("ws", "job_1")
    with pytest.raises(Conflict, match="stopped"):
        await asking.say("approved", question_id="question_1")


async def test_a_question_of_an_older_version_has_an_id_and_is_answered(asking):
    await asking.ask(task_id="t1")
    assert asking.job.open_questions[0].question_id == "question_2"
    await asking.say("approved", question_id="question_2")
    await asking.ask(private=QuestionKept(call=1), task_id="t1")
    assert (await asking.say("answered", "retry")).status == ExecutionStatus.RUNNING
    assert (await asking.newest())[-1][1]["outcome"] == "retry"
