"""The journal of a run: group commit, order, fencing, outages."""

import asyncio
from dataclasses import replace

import pytest

from common.contracts.events import EventType, ExecutionStatus
from common.errors import Unavailable
from common.times import utc_now
from executor.domain import appender, moves
from executor.domain.appender import Appender
from executor.domain.events import Draft
from executor.domain.execution import Execution
from executor.domain.journal import Superseded
from executor.domain.meters import NoMeters
from executor.store.memory import MemoryExecutions


class Flaky(MemoryExecutions):
    """A store that fails as told: `before` a write is made, or `after` it."""

    def __init__(self):
        super().__init__()
        self.before = self.after = 0
        self.applied = 0

    async def apply(self, step):
        await asyncio.sleep(0)
        if self.before:
            self.before -= 1
            raise Unavailable("away")
        self.applied += 1
        done = await super().apply(step)
        if self.after:
            self.after -= 1
            raise Unavailable("away")
        return done


class Bus:
    def __init__(self):
        self.seqs: list[int] = []
        self.away = False

    async def events(self, job, records):
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")
        self.seqs += [record.seq for record in records]


@pytest.fixture
def store():
    return Flaky()


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(appender, "_PAUSES", (0.001,))
    monkeypatch.setattr("executor.domain.announcer._PAUSES", (0.001,))


@pytest.fixture
async def journal(store, bus, make_crew):
    job = Execution("job_1", "ws_1", "crew_1", utc_now(), snapshot=make_crew())
    await store.insert(job)
    step = moves.claim(job, "worker_1", utc_now(), lost=False, limit=5)
    await store.apply(step)
    store.applied = 0
    journal = Appender(step.after, store, bus, NoMeters(), patience=0.05)
    yield journal
    journal.announcer.stop()


def start(n=1):
    return Draft(EventType.TASK_START, {"task_id": f"t{n}"})


DONE = Draft(EventType.EXECUTION_COMPLETE, {"result": "x"})


async def test_events_with_no_await_between_them_are_one_write(journal, store, bus):
    journal.append(start(1))
    journal.append(start(2), start(3))
    await journal.flush()
    assert store.applied == 1
    assert journal.job.seq == 4
    assert await journal.announcer.drained(1.0)
    assert bus.seqs == [1, 2, 3, 4]


async def test_events_that_wait_for_a_write_go_out_together(journal, store):
    journal.append(start(1))
    await asyncio.sleep(0)
    for n in range(10):
        journal.append(start(n))
    await journal.flush()
    assert store.applied == 2
    assert store.jobs["job_1"].seq == 12


async def test_after_its_end_nothing_is_taken(journal, store):
    journal.append(start(), DONE, start())
    journal.append(DONE)
    await journal.flush()
    assert [record.type for record in store.jobs["job_1"].tail][1:] == [
        EventType.TASK_START,
        EventType.EXECUTION_COMPLETE,
    ]


async def test_a_writer_whose_job_was_stopped_is_told(journal, store):
    journal.append(start())
    await journal.flush()
    assert await store.apply(moves.stop(store.jobs["job_1"], utc_now()))
    journal.append(start(2))
    with pytest.raises(Superseded):
        await journal.flush()
    journal.append(DONE)
    with pytest.raises(Superseded):
        await journal.flush()
    assert store.jobs["job_1"].status == ExecutionStatus.STOPPED
    assert store.jobs["job_1"].seq == 3


async def test_a_stop_of_the_same_length_is_not_taken_for_the_own_write(journal, store):
    await store.apply(moves.stop(store.jobs["job_1"], utc_now()))
    store.before = 1
    journal.append(start())
    with pytest.raises(Superseded):
        await journal.flush()


async def test_a_write_that_got_through_unseen_is_not_repeated(journal, store):
    store.after = 1
    journal.append(start())
    await journal.flush()
    assert store.applied == 1
    assert store.jobs["job_1"].seq == journal.job.seq == 2


async def test_a_short_outage_is_waited_for(journal, store):
    store.before = 3
    journal.append(start(), DONE)
    await journal.flush()
    assert store.jobs["job_1"].status == ExecutionStatus.COMPLETED


async def test_a_long_outage_ends_the_run(journal, store):
    store.before = 10_000
    journal.append(start())
    with pytest.raises(Unavailable):
        await journal.flush()


async def test_events_wait_for_the_bus_and_come_in_order(journal, store, bus):
    bus.away = True
    for n in range(5):
        journal.append(start(n))
        await journal.flush()
    assert not await journal.announcer.drained(0.01)
    bus.away = False
    assert await journal.announcer.drained(2.0)
    assert bus.seqs == [1, 2, 3, 4, 5, 6]
    journal.append(start())
    await journal.flush()
    assert store.jobs["job_1"].published == 6


async def test_a_long_tail_is_copied_and_leaves_with_the_next_write(journal, store, monkeypatch):
    monkeypatch.setattr(appender, "_TAIL_EVENTS", 3)
    for n in range(4):
        journal.append(start(n))
        await journal.flush()
    assert sorted(store.traces["job_1"]) == [1, 2, 3]
    assert [record.seq for record in store.jobs["job_1"].tail] == [4, 5]
    assert [r.seq for r in await store.records("job_1", 0, 99)] == [1, 2, 3, 4, 5]


async def test_what_the_last_owner_left_unpublished_is_published_by_the_next(store, bus, make_crew):
    job = Execution("job_2", "ws_1", "crew_1", utc_now(), snapshot=make_crew(), inputs={})
    await store.insert(job)
    step = moves.claim(job, "worker_1", utc_now(), lost=False, limit=5)
    await store.apply(step)
    step = moves.claim(step.after, "worker_2", utc_now(), lost=True, limit=5)
    await store.apply(step)
    journal = Appender(step.after, store, bus, NoMeters())
    assert await journal.announcer.drained(1.0)
    assert bus.seqs == [1, 2]


async def test_a_job_that_keeps_killing_its_workers_is_given_up(store, make_crew):
    job = Execution("job_3", "ws_1", "crew_1", utc_now(), snapshot=make_crew())
    await store.insert(job)
    for n in range(3):
        step = moves.claim(job, f"worker_{n}", utc_now(), lost=n > 0, limit=3)
        job = step.after
        job = replace(job) if n else moves.hand_back(job, published=0).after
        if not n:
            job = moves.claim(job, "worker_0", utc_now(), lost=False, limit=3).after
    assert (job.status, job.lost_claims) == (ExecutionStatus.RUNNING, 2)
    ended = moves.claim(job, "worker_9", utc_now(), lost=True, limit=3).after
    assert ended.status == ExecutionStatus.FAILED
    assert ended.state.error["code"] == "ATTEMPTS_EXHAUSTED"
