"""The journal of a run: group commit, order, fencing, outages."""

import asyncio
from dataclasses import replace

import pytest

from common.contracts.events import (
    EventType,
    ExecutionComplete,
    ExecutionStatus,
    ProgressUpdate,
    TaskComplete,
    TaskStart,
)
from common.errors import Unavailable
from common.process.backoff import Backoff
from common.times import utc_now
from devkit.stores.executions import MemoryExecutions
from executor.domain.log import appender, moves
from executor.domain.log.appender import Appender
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution
from executor.domain.log.journal import Superseded, TooLarge
from executor.domain.meters import NoMeters


class Flaky(MemoryExecutions):
    """A store that fails as told: `before` a write is made, or `after` it."""

    def __init__(self):
        super().__init__()
        self.before = self.after = 0
        self.applied = 0
        self.begun = asyncio.Event()

    async def apply(self, step):
        self.begun.set()
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
    monkeypatch.setattr(appender, "_BACKOFF", Backoff((0.001,)))
    monkeypatch.setattr("executor.domain.log.announcer._BACKOFF", Backoff((0.001,)))


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
    return EventDraft(TaskStart(task_id=f"t{n}"))


DONE = EventDraft(ExecutionComplete(result="x"))


async def test_events_with_no_await_between_them_are_one_write(journal, store, bus):
    journal.append(start(1))
    journal.append(start(2), start(3))
    await journal.flush()
    assert store.applied == 1
    assert journal.job.seq == 4
    assert await journal.announcer.drained(1.0)
    assert bus.seqs == [1, 2, 3, 4]


async def test_events_a_turn_apart_are_one_write(journal, store):
    """A model that answers at once gives the loop a turn or two: no reason for a write of its own."""
    journal.append(start(1))
    await asyncio.sleep(0)
    journal.append(start(2))
    await journal.flush()
    assert store.applied == 1


async def test_events_that_wait_for_a_write_go_out_together(journal, store):
    store.begun.clear()  # it has been claimed
    journal.append(start(1))
    await store.begun.wait()
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


async def test_a_job_that_gets_further_has_lost_no_worker_in_a_row(store, bus, make_crew):
    job = Execution("job_4", "ws_1", "crew_1", utc_now(), snapshot=make_crew(), lost_claims=2)
    await store.insert(job)
    step = moves.claim(job, "worker_1", utc_now(), lost=False, limit=5)
    await store.apply(step)
    assert step.after.lost_claims == 2
    journal = Appender(step.after, store, bus, NoMeters())
    journal.append(start())
    await journal.flush()
    assert store.jobs["job_4"].lost_claims == journal.job.lost_claims == 0
    journal.announcer.stop()


async def test_an_effect_begins_when_all_is_stored(journal, store):
    journal.append(start())
    async with journal.effect():
        assert store.jobs["job_1"].seq == 2


async def test_a_worker_that_slept_before_an_effect_asks_whose_the_job_is(
    journal, store, monkeypatch
):
    journal.append(start())
    await journal.flush()
    await store.apply(moves.claim(store.jobs["job_1"], "other", utc_now(), lost=True, limit=5))
    async with journal.effect():
        pass  # nobody can know yet: the write was just now
    monkeypatch.setattr(appender, "_SURE_FOR", -1.0)
    with pytest.raises(Superseded):
        async with journal.effect():
            raise AssertionError("it was begun")


async def test_a_store_that_is_away_for_a_moment_is_asked_again(journal, store, monkeypatch):
    monkeypatch.setattr(appender, "_SURE_FOR", -1.0)
    faults = [Unavailable("away")]
    head = store.head

    async def flaky(job_id):
        if faults:
            raise faults.pop()
        return await head(job_id)

    monkeypatch.setattr(store, "head", flaky)
    async with journal.effect():
        assert not faults


async def test_no_effect_begins_once_they_are_closed_and_those_under_way_end(journal):
    begun, end = asyncio.Event(), asyncio.Event()

    async def effect():
        async with journal.effect():
            begun.set()
            await end.wait()

    first = asyncio.create_task(effect())
    await begun.wait()
    closing = asyncio.create_task(journal.effects.close(5.0))
    await asyncio.sleep(0)
    begun.clear()
    second = asyncio.create_task(effect())
    end.set()
    await asyncio.gather(first, closing)
    assert not second.done()
    assert not begun.is_set()
    second.cancel()
    await journal.effects.close(0.001)


def output(size, task="t1"):
    return EventDraft(TaskComplete(task_id=task, result="x" * size))


async def test_an_event_that_is_too_large_is_refused_and_the_job_can_be_ended(journal, store):
    journal.append(start(1))
    with pytest.raises(TooLarge, match="task_complete has 30000"):
        journal.append(start(2), output(3_000_000))
    await journal.fail("OUTPUT_TOO_LARGE", "too large")
    job = store.jobs["job_1"]
    assert job.state.error == {"code": "OUTPUT_TOO_LARGE", "message": "too large"}
    assert [r.type for r in job.tail] == ["execution_start", "task_start", "task_start", "error"]


async def test_all_outputs_together_have_a_bound_over_all_attempts(journal, store, bus):
    for n in range(3):
        journal.append(output(1_900_000, f"t{n}"))
        await journal.flush()
    store.jobs["job_1"] = moves.hand_back(store.jobs["job_1"], published=0).after
    step = moves.claim(store.jobs["job_1"], "worker_2", utc_now(), lost=False, limit=5)
    await store.apply(step)
    later = Appender(step.after, store, bus, NoMeters())
    with pytest.raises(TooLarge, match="outputs"):
        later.append(output(1_900_000, "t9"))
    later.announcer.stop()


async def test_large_events_go_out_in_several_writes(journal, store):
    for n in range(4):
        journal.append(EventDraft(ProgressUpdate(current_task="x" * 600_000, progress=n)))
    await journal.flush()
    assert store.applied == 4
    assert store.jobs["job_1"].seq == 5


async def test_a_job_whose_event_cannot_be_written_is_ended_without_it(journal, store, monkeypatch):
    apply = store.apply

    async def picky(step):
        if any(record.type == EventType.TASK_COMPLETE for record in step.records):
            raise TooLarge("more bytes than a document can hold")
        return await apply(step)

    monkeypatch.setattr(store, "apply", picky)
    journal.append(start(), output(10))
    with pytest.raises(TooLarge):
        await journal.flush()
    await journal.fail("OUTPUT_TOO_LARGE", "too large")
    job = store.jobs["job_1"]
    assert (job.status, job.state.error["code"]) == (ExecutionStatus.FAILED, "OUTPUT_TOO_LARGE")
    assert job.seq == journal.job.seq == 2


async def test_who_has_lost_the_job_ends_it_no_more(journal, store):
    await store.apply(moves.stop(store.jobs["job_1"], utc_now()))
    with pytest.raises(Superseded):
        await journal.fail("INTERNAL_ERROR", "a bug")
    assert store.jobs["job_1"].status == ExecutionStatus.STOPPED


async def test_a_run_that_makes_too_many_events_at_once_is_ended_not_run_again(
    journal, monkeypatch
):
    """It is not the store that is too slow: the next worker would come as far, again and again."""
    monkeypatch.setattr(appender, "_LINE", 10)
    with pytest.raises(TooLarge):
        journal.append(*(start(n) for n in range(11)))
