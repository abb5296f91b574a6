"""How a run ends that does not end by itself, and what it reads before it begins."""

import asyncio
from dataclasses import replace

import pytest

from common.contracts.events import ExecutionStatus, ToolResult
from common.times import utc_now
from executor.domain.log.events import EventDraft, ResultKept
from executor.domain.log.execution import Execution
from executor.domain.log.journal import Replay, TooLarge
from executor.domain.log.records import Record, number
from executor.domain.worker import job_run


class Endless:
    """A run that returns without an end."""

    async def run(self, job, journal):
        pass


class Bulky:
    async def run(self, job, journal):
        raise TooLarge("One event has 3 MB.")


class Faulty:
    async def run(self, job, journal):
        raise ValueError("a bug")


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (Endless(), "INTERNAL_ERROR"),
        (Faulty(), "INTERNAL_ERROR"),
        (Bulky(), "OUTPUT_TOO_LARGE"),
    ],
)
async def test_a_run_without_an_end_of_its_own_fails_its_job(
    store, make_worker, queue, until, run, code
):
    async def runner():
        return run

    await queue(1)
    worker = make_worker("worker_1", runner=runner)
    await worker.start()
    await until(lambda: store.jobs["job_0"].final)
    job = store.jobs["job_0"]
    assert (job.status, job.state.error["code"]) == (ExecutionStatus.FAILED, code)


def long_log(job_id):
    """Return 40 events of 20 KB each, as they are read from a store."""
    body = ToolResult(task_id="task_1", action="read")
    drafts = [EventDraft(body, ResultKept(call=n, text="x" * 20_000)) for n in range(40)]
    made = number(drafts, job_id, 0, 1, utc_now())
    return [Record(one.seq, one.type, one.frame, one.private) for one in made]


@pytest.fixture
def long_job(store, make_crew):
    """Return what stores a job with a long log, of which `left` events were not lost."""

    async def make(job_id, left=40, **of):
        log = long_log(job_id)
        await store.copy({job_id: log[:left]})
        job = Execution(job_id, "ws_1", "crew_1", utc_now(), snapshot=make_crew(), **of)
        await store.insert(replace(job, seq=len(log), published=len(log), attempt=1))

    return make


class Reading:
    """A run that notes its job, and ends it."""

    def __init__(self):
        self.job = None

    async def run(self, job, journal):
        self.job = job
        raise TooLarge("Enough.")


@pytest.fixture
def run_of(store, make_worker, until):
    """Return what runs the newest job; return the job as its run got it, and as it was then stored."""

    async def run(job_id):
        reading = Reading()

        async def runner():
            return reading

        await make_worker("worker_1", runner=runner).start()
        await until(lambda: store.jobs[job_id].final)
        return reading.job, store.jobs[job_id]

    return run


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_long_log_is_decoded_in_turns_with_others(
    store, long_job, run_of, monkeypatch, recorded
):
    """Its own, and that of a job that it replays."""
    turns, decoded, entry = [0], [], Record.entry

    def counted(record):
        decoded.append(turns[0])
        return entry(record)

    async def tick():
        while True:
            await asyncio.sleep(0)
            turns[0] += 1

    monkeypatch.setattr(Record, "entry", counted)
    if recorded:
        await long_job("job_0", status=ExecutionStatus.COMPLETED)
        await queue_replay(store)
    else:
        await long_job("job_1")
    ticking = asyncio.create_task(tick())
    job, _ = await run_of("job_1")
    ticking.cancel()
    history = job.replayed.history if recorded else job.history[:40]
    assert [one.private.call for one in history] == list(range(40))
    assert max(decoded.count(turn) for turn in decoded) <= 10


async def queue_replay(store):
    queued = Execution(
        "job_1",
        "ws_1",
        "crew_1",
        utc_now(),
        snapshot=store.jobs["job_0"].snapshot,
        replay=Replay("job_0"),
    )
    await store.insert(queued)


@pytest.mark.parametrize(
    ("limit", "most", "left", "told"),
    [
        ("MOST_EVENTS", 39, 40, "too long to be replayed"),
        ("MOST_BYTES", 400_000, 40, "too long to be replayed"),
        ("MOST_BYTES", 10**9, 20, "ends before event 40"),
    ],
)
async def test_a_log_that_cannot_be_replayed_ends_the_replay(
    store, long_job, run_of, monkeypatch, limit, most, left, told
):
    monkeypatch.setattr(job_run, limit, most)
    await long_job("job_0", left, status=ExecutionStatus.COMPLETED)
    await queue_replay(store)
    job, stored = await run_of("job_1")
    assert job is None
    assert stored.state.error["code"] == "HISTORY_MISMATCH"
    assert told in stored.state.error["message"]
