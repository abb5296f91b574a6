"""The inbox and the sweep of expired questions, over each kind of store."""

from dataclasses import replace
from datetime import timedelta

import pytest

from common.contracts.events import InputRequired, ProposedCall
from common.errors import InvalidRequest
from common.times import utc_now
from devkit.stores.questions import MemoryQuestions
from executor.domain.api.inbox import Inbox
from executor.domain.log import moves
from executor.domain.log.events import EventDraft, QuestionKept
from executor.domain.log.questions import Answer, question_of
from executor.store.migrations import SCHEMA
from executor.store.questions import MongoQuestions


@pytest.fixture
def questions(database, executions):
    return MemoryQuestions(executions) if database is None else MongoQuestions(database)


@pytest.fixture
def inbox(questions):
    return Inbox(questions)


def draft(name, kind="approval", *, goes_on=False, **more):
    call = ProposedCall(
        tool="pay", arguments={"x": 1, **more.pop("arguments", {})}, call=1, digest="d"
    )
    if kind == "approval":
        more["tool_call"] = call
    fields = {"question_id": name, "kind": kind, "task_id": "task_1", "agent": "Ann", **more}
    fields |= {"goes_on": True} if goes_on else {}
    kept = QuestionKept(call=1, scope="", turn=0, entry=0) if kind == "approval" else None
    return EventDraft(InputRequired(prompt="?", **fields), kept)


@pytest.fixture
def ask(new_job, claimed, append):
    async def make(*drafts, **job):
        return await append(await claimed(await new_job(**job)), *drafts)

    return make


@pytest.fixture
def answer(executions):
    async def give(job, place, outcome="approved"):
        (record,) = await executions.records(job.job_id, place.asked - 1, 1)
        step = moves.answer(job, question_of(record.entry()), Answer(outcome), "usr_1", utc_now())
        assert await executions.apply(step)
        return step.after

    return give


async def names(inbox, **filters):
    page = await inbox.page("ws_test", limit=100, **filters)
    assert page.next is None
    assert page.total == len(page.asked)
    return [asked.question.question_id for asked in page.asked]


async def test_an_inbox_has_what_is_open_oldest_first_and_no_more(ask, answer, inbox, executions):
    first = await ask(draft("q1", goes_on=True), draft("q2", "review"))
    second = await ask(draft("q3"), crew_id="crew_other")
    await ask(draft("q4"), workspace_id="ws_other")
    assert await names(inbox) == ["q1", "q2", "q3"]
    assert await names(inbox, kind="approval") == ["q1", "q3"]
    assert await names(inbox, crew_id="crew_other") == ["q3"]
    assert await names(inbox, crew_id="crew_other", kind="review") == []
    first = await answer(first, first.open_questions[0])
    assert await names(inbox) == ["q2", "q3"]
    assert await executions.apply(moves.stop(second, utc_now()))
    assert await names(inbox) == ["q2"]
    await answer(first, first.open_questions[0])
    assert await names(inbox) == []


async def test_pages_follow_one_another_whatever_is_answered_meanwhile(ask, answer, inbox):
    jobs = [await ask(*(draft(f"q{n}{m}", goes_on=m < 2) for m in range(3))) for n in range(4)]
    wanted = [f"q{n}{m}" for n in range(4) for m in range(3)]
    shown, after = [], None
    for _ in range(12):
        page = await inbox.page("ws_test", limit=2, after=after)
        shown += [asked.question.question_id for asked in page.asked]
        after = page.next
        if after is None:
            break
        if len(shown) == 4:
            await answer(jobs[2], jobs[2].open_questions[0])
    assert sorted(shown) == sorted(set(wanted) - {"q20"})
    assert shown[:3] == ["q00", "q01", "q02"]
    skipped = await inbox.page("ws_test", limit=3, skip=3)
    assert [asked.question.question_id for asked in skipped.asked] == ["q10", "q11", "q12"]
    with pytest.raises(InvalidRequest):
        await inbox.page("ws_test", limit=2, kind="review", after=page.next or skipped.next)


async def test_what_is_long_is_shortened_in_the_inbox_only(ask, inbox, database):
    await ask(draft("q1", arguments={"text": "x" * 9_000}))
    (asked,) = (await inbox.page("ws_test", limit=5)).asked
    if database is not None:
        assert (asked.cut, asked.question.tool_call.arguments) == (True, {})


async def test_a_question_that_was_announced_but_never_asked_is_not_shown(
    new_job, claimed, executions, inbox, database
):
    job = await claimed(await new_job())
    if database is None:
        return
    asked = draft("q1", expires_at=utc_now())
    step = moves.append(job, _numbered(job, asked), copied=0, published=0)
    assert not await executions.apply(replace(step, before=replace(job, seq=9)))
    assert (await inbox.page("ws_test", limit=5)).asked == []
    assert await MongoQuestions(database).expired_questions(utc_now(), 5) == []
    assert await database["questions"].count_documents({}, limit=5) == 1, "it may yet be asked"
    assert await executions.apply(moves.stop(job, utc_now()))
    assert (await inbox.page("ws_test", limit=5)).total == 1
    assert (await inbox.page("ws_test", limit=5)).total == 0, "now it never will"


def _numbered(job, *drafts):
    from executor.domain.log.records import number

    return number(drafts, job.job_id, job.seq, job.attempt, utc_now())


async def test_expired_questions_are_found_by_when_they_expire(ask, questions):
    now = utc_now()
    times = [now - timedelta(seconds=5), now - timedelta(seconds=9), now + timedelta(hours=1)]
    jobs = [await ask(draft(f"q{n}", expires_at=at)) for n, at in enumerate(times)]
    await ask(draft("q9"))
    found = await questions.expired_questions(now, 10)
    assert found == [(jobs[1].job_id, "q1"), (jobs[0].job_id, "q0")]
    assert await questions.expired_questions(now, 1) == found[:1]


async def test_jobs_that_wait_since_an_earlier_release_get_into_the_inbox(ask, inbox, database):
    if database is None:
        return
    await ask(draft("q1", "review"))
    await database["questions"].delete_many({})
    (step,) = [one for one in SCHEMA.steps if "open questions" in one.title]
    await step.change(database)
    assert await names(inbox) == ["q1"]
