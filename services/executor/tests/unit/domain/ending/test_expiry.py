"""Questions whose time has run out are answered once, as `on_expiry` says, and never with more."""

import asyncio
from datetime import timedelta

import pytest

from common.contracts.events import ExecutionStatus, InputRequired, ProposedCall
from common.errors import Unavailable
from common.times import utc_now
from devkit.stores.executions import MemoryExecutions
from devkit.stores.questions import MemoryQuestions
from executor.domain.ending.expiry import Expiry, answer_at_expiry
from executor.domain.log import moves
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution
from executor.domain.log.questions import Answer, Question
from executor.domain.log.records import number
from executor.domain.meters import NoMeters

NOW = utc_now()
CALL = ProposedCall(tool="pay", arguments={}, call=1, digest="d")
SCHEMA = {"type": "object", "required": ["n"]}


def question(kind, policy, **more):
    return Question("q", kind, "task_1", "Ann", "?", None, NOW, on_expiry=policy, **more)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (question("review", None), "expired"),
        (question("review", "fail"), "expired"),
        (question("review", "approve"), "approved"),
        (question("review", "reject"), "rejected"),
        (question("review", "answer:shorter"), "answered"),
        (question("approval", "approve", tool_call=CALL), "approved"),
        (question("approval", "reject", tool_call=CALL), "rejected"),
        (question("approval", "answer:yes", tool_call=CALL), "expired"),
        (question("unknown_outcome", "approve"), "expired"),
        (question("unknown_outcome", "answer:retry"), "retry"),
        (question("question", "approve"), "expired"),
        (question("question", "answer:42"), "answered"),
        (question("question", "answer:red", choices=("blue",)), "expired"),
        (question("question", 'answer:{"n": 1}', response_schema=SCHEMA), "answered"),
        (question("question", "answer:{}", response_schema=SCHEMA), "expired"),
        (question("question", "answer:{", response_schema=SCHEMA), "expired"),
        (question("question", "anything else"), "expired"),
    ],
)
async def test_what_a_kind_does_not_allow_counts_as_not_answered(asked, answer):
    assert (await answer_at_expiry(asked)).outcome == answer


class Told:
    def __init__(self, away=False):
        self.seen, self.away = [], away

    def add(self, job):
        self.seen.append(("settled", job.job_id))

    async def publish_submission(self, job):
        if self.away:
            raise Unavailable("away")
        self.seen.append(("woken", job.job_id))

    async def publish_stop(self, job):
        self.seen.append(("stopped", job.job_id))


@pytest.fixture
def store():
    return MemoryExecutions()


@pytest.fixture
def sweep(store):
    def make(told):
        return Expiry(MemoryQuestions(store), store, told, told, NoMeters()).sweep

    return make


@pytest.fixture
def asking(store, make_crew):
    async def ask(name, policy, *, after=1, goes_on=False):
        await store.insert(Execution(name, "ws_1", "crew_1", NOW, snapshot=make_crew()))
        claim = moves.claim(store.jobs[name], "worker_1", NOW, lost=False, limit=3)
        await store.apply(claim)
        fields = {"expires_at": NOW + timedelta(seconds=after), "on_expiry": policy}
        fields |= {"goes_on": True} if goes_on else {}
        draft = EventDraft(
            InputRequired(question_id=f"q_{name}", kind="question", task_id="t", **fields)
        )
        records = number([draft], name, claim.after.seq, 1, NOW)
        await store.apply(moves.append(claim.after, records, copied=0, published=0))

    return ask


async def test_each_expired_question_is_answered_once_by_whoever_sweeps(store, sweep, asking):
    await asking("job_1", "answer:yes")
    await asking("job_2", "fail")
    await asking("job_3", "answer:yes", after=60)
    told = Told()
    swept = [sweep(told)(NOW + timedelta(seconds=2)) for _ in range(3)]
    assert sum(await asyncio.gather(*swept)) == 2
    assert sorted(told.seen) == [("settled", "job_2"), ("woken", "job_1")]
    events = [record.entry().body for record in await store.records("job_1", 0, 99)]
    assert [event.type for event in events].count("input_received") == 1
    assert (events[-1].outcome, events[-1].input, events[-1].expired) == ("answered", "yes", True)
    assert store.jobs["job_2"].error_code == "QUESTION_EXPIRED"
    assert store.jobs["job_3"].status == ExecutionStatus.WAITING_FOR_INPUT
    assert await sweep(told)(NOW + timedelta(seconds=2)) == 0


async def test_a_job_that_goes_on_keeps_its_worker_or_is_ended_under_it(store, sweep, asking):
    await asking("job_1", "reject", goes_on=True)
    await asking("job_2", "fail", goes_on=True)
    told = Told()
    assert await sweep(told)(NOW + timedelta(seconds=2)) == 2
    assert store.jobs["job_1"].owner == "worker_1"
    assert store.jobs["job_2"].owner is None
    assert told.seen == [("settled", "job_2"), ("stopped", "job_2")]


async def test_without_the_bus_it_is_answered_all_the_same(store, sweep, asking):
    await asking("job_1", "answer:yes")
    assert await sweep(Told(away=True))(NOW + timedelta(seconds=2)) == 1
    assert store.jobs["job_1"].status == ExecutionStatus.RUNNING


def test_what_nobody_answered_is_no_answer():
    assert Answer("expired").fields == {"outcome": "expired"}
