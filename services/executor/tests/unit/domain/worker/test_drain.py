"""How a worker that stops gets rid of its runs, and what it waits for."""

import asyncio

import pytest

from common.contracts.events import ExecutionStatus, ToolResult
from common.times import utc_now
from executor.domain.log import moves
from executor.domain.log.events import EventDraft


class Paying:
    """A run whose call takes until `end`, if it is not cut off; its result is kept."""

    def __init__(self):
        self.begun, self.end = asyncio.Event(), asyncio.Event()
        self.next_run = self

    async def run(self, job, journal):
        async with journal.effect():
            self.begun.set()
            await self.end.wait()
        journal.append(EventDraft(ToolResult(task_id="task_1")))
        await journal.flush()
        await asyncio.Event().wait()

    async def __call__(self):
        return self.next_run


@pytest.fixture
async def paying(store, make_worker, queue):
    """A worker in the middle of a call, and its run."""
    await queue(1)
    paying = Paying()
    paying.worker = make_worker("worker_1", runner=paying)
    await paying.worker.start()
    await asyncio.wait_for(paying.begun.wait(), 60)
    return paying


async def test_a_job_whose_claim_is_under_way_is_handed_back_too(store, make_worker, queue):
    await queue(1)
    worker = make_worker("worker_1")
    store.gate.clear()
    await worker.start()
    await asyncio.wait_for(store.claiming.wait(), 60)
    stopping = asyncio.create_task(worker.stop(5.0))
    await asyncio.sleep(0)
    store.gate.set()
    await stopping
    job = store.jobs["job_0"]
    assert (job.status, job.attempt, job.owner) == (ExecutionStatus.RUNNING, 1, None)


async def test_a_worker_that_stops_waits_for_a_call_that_must_not_be_cut_off(
    store, paying, make_worker
):
    """Its own time to hand jobs back, 1.5 s here, does not count meanwhile, and its lease goes on."""
    told = []
    paying.worker.runs.on_wait = told.extend
    other = make_worker("worker_2", silence=0.1)
    await other.start()
    stopping = asyncio.create_task(paying.worker.stop(2.5, patience=60.0))
    await asyncio.sleep(1.8)
    assert store.jobs["job_0"].owner == "worker_1"
    assert told == ["job_0"]
    assert paying.worker.runs.places.free == 0
    await other.stop(1.0)
    paying.end.set()
    await asyncio.wait_for(stopping, 60)
    job = store.jobs["job_0"]
    assert (job.status, job.owner, job.handed_over) == (ExecutionStatus.RUNNING, None, 1)
    assert [record.type for record in job.tail] == ["execution_start", "tool_result"]


async def test_it_does_not_wait_for_ever(store, paying):
    await asyncio.wait_for(paying.worker.stop(30.0, patience=0.05), 60)
    job = store.jobs["job_0"]
    assert (job.owner, job.handed_over) == (None, 0)
    assert [record.type for record in job.tail] == ["execution_start"]


async def test_it_can_be_hastened(store, paying):
    stopping = asyncio.create_task(paying.worker.stop(30.0, patience=60.0))
    await asyncio.sleep(0.05)
    assert store.jobs["job_0"].owner == "worker_1"
    paying.worker.runs.hasten()
    await asyncio.wait_for(stopping, 60)
    assert (store.jobs["job_0"].owner, store.jobs["job_0"].handed_over) == (None, 0)


async def test_what_can_be_repeated_is_handed_over_at_once_meanwhile(
    store, paying, queue, until, waiting_run
):
    await queue(2)
    paying.next_run = waiting_run()
    await until(lambda: store.jobs["job_1"].seq == 2)
    stopping = asyncio.create_task(paying.worker.stop(30.0, patience=60.0))
    await until(lambda: store.jobs["job_1"].owner is None)
    assert store.jobs["job_1"].handed_over == 1
    assert store.jobs["job_0"].owner == "worker_1"
    paying.end.set()
    await asyncio.wait_for(stopping, 60)


async def test_a_job_stopped_meanwhile_is_waited_for_no_longer(store, paying):
    stopping = asyncio.create_task(paying.worker.stop(30.0, patience=60.0))
    await asyncio.sleep(0.05)
    assert await store.apply(moves.stop(store.jobs["job_0"], utc_now()))
    paying.worker.cut_off("job_0")
    await asyncio.wait_for(stopping, 60)
    assert store.jobs["job_0"].status == ExecutionStatus.STOPPED
