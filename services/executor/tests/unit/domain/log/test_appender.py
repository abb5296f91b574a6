"""The journal of a run: group commit, order, fencing, outages."""

import asyncio

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
from common.times import utc_now
from executor.domain.log import appender, moves
from executor.domain.log.appender import Appender
from executor.domain.log.events import EventDraft
from executor.domain.log.journal import Superseded, TooLarge
from executor.domain.meters import NoMeters

pytestmark = pytest.mark.usefixtures("quick")


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
    journal._patience = 0.05
    journal.append(start())
    with pytest.raises(Unavailable):
        await journal.flush()


async def test_a_long_tail_is_copied_and_leaves_with_the_next_write(journal, store, monkeypatch):
    monkeypatch.setattr(appender, "_TAIL_EVENTS", 3)
    for n in range(4):
        journal.append(start(n))
        await journal.flush()
    assert sorted(store.traces["job_1"]) == [1, 2, 3]
    assert [record.seq for record in store.jobs["job_1"].tail] == [4, 5]
    assert [r.seq for r in await store.records("job_1", 0, 99)] == [1, 2, 3, 4, 5]


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
