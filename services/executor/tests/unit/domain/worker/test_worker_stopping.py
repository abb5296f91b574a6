"""A worker that stops: what it gives back, and what it waits for."""

import asyncio

import pytest

from common.contracts.events import ExecutionComplete, ExecutionStatus, ToolResult
from common.errors import Unavailable
from common.times import utc_now
from executor.domain.log import moves
from executor.domain.log.events import EventDraft


class Done:
    """A run that ends at once."""

    async def run(self, job, journal):
        journal.append(EventDraft(ExecutionComplete(result="tea")))


async def done():
    return Done()


async def test_a_job_whose_claim_is_under_way_is_handed_back_too(store, make_worker, queue):
    await queue(1)
    worker = make_worker("worker_1")
    store.gate.clear()
    await worker.start()
    await asyncio.wait_for(store.claiming.wait(), 5)
    stopping = asyncio.create_task(worker.stop(5.0))
    await asyncio.sleep(0)
    store.gate.set()
    await stopping
    job = store.jobs["job_0"]
    assert (job.status, job.attempt, job.owner) == (ExecutionStatus.RUNNING, 1, None)


async def test_what_a_stopped_worker_could_not_publish_is_published_by_another(
    store, make_worker, monkeypatch, queue, until, bus
):
    """Its lease stays, so that others see it dead and look after what it has left."""
    monkeypatch.setattr("executor.domain.worker.worker._SWEEP", 0.01)
    monkeypatch.setattr("executor.domain.worker.runs._ANNOUNCED", 0.01)
    await queue(2)
    bus.away = True
    first = make_worker("worker_1", bus, done)
    await first.start()
    await until(lambda: all(job.final for job in store.jobs.values()))
    await first.stop(0.5)
    assert all(job.open and job.owner == "worker_1" for job in store.jobs.values())
    other = make_worker("worker_2", silence=0.05)
    await other.start()
    await until(lambda: not any(job.open for job in store.jobs.values()))
    await other.stop(0.5)
    assert "worker_2" not in await other.leases.counters(), "that one owned nothing"


class Paying:
    """A run whose call takes until `end`, if it is not cut off; its result is kept."""

    def __init__(self):
        self.begun, self.end = asyncio.Event(), asyncio.Event()

    async def run(self, job, journal):
        async with journal.effect():
            self.begun.set()
            await self.end.wait()
        journal.append(EventDraft(ToolResult(task_id="task_1")))
        await journal.flush()
        await asyncio.Event().wait()

    async def __call__(self):
        return self


@pytest.fixture
async def paying(store, make_worker, queue):
    """A worker in the middle of a call, and its run."""
    await queue(1)
    paying = Paying()
    paying.worker = make_worker("worker_1", runner=paying)
    await paying.worker.start()
    await asyncio.wait_for(paying.begun.wait(), 5)
    return paying


async def test_a_worker_that_stops_waits_for_a_call_that_must_not_be_cut_off(
    store, paying, make_worker
):
    """Its own time to hand jobs back, 0.3 s here, does not count meanwhile, and its lease goes on."""
    told = []
    paying.worker.runs.on_wait = told.extend
    other = make_worker("worker_2", silence=0.1)
    await other.start()
    stopping = asyncio.create_task(paying.worker.stop(0.5, patience=60.0))
    await asyncio.sleep(0.5)
    assert store.jobs["job_0"].owner == "worker_1"
    assert told == ["job_0"]
    assert paying.worker.runs.free == 0
    await other.stop(1.0)
    paying.end.set()
    await asyncio.wait_for(stopping, 5)
    job = store.jobs["job_0"]
    assert (job.status, job.owner, job.handed_over) == (ExecutionStatus.RUNNING, None, 1)
    assert [record.type for record in job.tail] == ["execution_start", "tool_result"]


async def test_it_does_not_wait_for_ever(store, paying):
    await asyncio.wait_for(paying.worker.stop(0.5, patience=0.05), 5)
    job = store.jobs["job_0"]
    assert (job.owner, job.handed_over) == (None, 0)
    assert [record.type for record in job.tail] == ["execution_start"]


async def test_it_can_be_hastened(store, paying):
    stopping = asyncio.create_task(paying.worker.stop(0.5, patience=60.0))
    await asyncio.sleep(0.05)
    assert store.jobs["job_0"].owner == "worker_1"
    paying.worker.runs.hasten()
    await asyncio.wait_for(stopping, 5)
    assert (store.jobs["job_0"].owner, store.jobs["job_0"].handed_over) == (None, 0)


async def test_what_can_be_repeated_is_handed_over_at_once_meanwhile(
    store, paying, queue, until, waiting_run
):
    await queue(2)
    other = waiting_run()

    async def runner():
        return other

    paying.worker.runs._runner = runner
    await until(lambda: store.jobs["job_1"].seq == 2)
    stopping = asyncio.create_task(paying.worker.stop(0.5, patience=60.0))
    await until(lambda: store.jobs["job_1"].owner is None)
    assert store.jobs["job_1"].handed_over == 1
    assert store.jobs["job_0"].owner == "worker_1"
    paying.end.set()
    await asyncio.wait_for(stopping, 5)


async def test_a_job_stopped_meanwhile_is_waited_for_no_longer(store, paying):
    stopping = asyncio.create_task(paying.worker.stop(0.5, patience=60.0))
    await asyncio.sleep(0.05)
    assert await store.apply(moves.stop(store.jobs["job_0"], utc_now()))
    paying.worker.cut_off("job_0")
    await asyncio.wait_for(stopping, 5)
    assert store.jobs["job_0"].status == ExecutionStatus.STOPPED


async def test_a_run_that_is_cut_off_as_it_ends_publishes_no_more(
    store, make_worker, queue, until, bus
):
    """Its job is left to another worker; what went on would try for as long as the bus is away."""
    await queue(1)
    bus.away = True
    worker = make_worker("worker_1", bus, done)
    await worker.start()
    await until(lambda: store.jobs["job_0"].final)
    await asyncio.wait_for(worker.stop(0.5), 5)
    await asyncio.sleep(0)
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert "announce job_0" not in names


async def test_a_worker_stops_whose_driver_makes_another_fault_of_a_cancellation(
    make_worker, monkeypatch
):
    """As PyMongo does now and then: the beat went on, and the stop waited for it for ever."""
    worker, beating = make_worker("worker_1"), asyncio.Event()
    await worker.start()

    async def beat(*_, **__):
        beating.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Unavailable("The database does not answer.") from None

    monkeypatch.setattr(worker._leases, "beat", beat)
    await asyncio.wait_for(beating.wait(), 5)
    await asyncio.wait_for(worker.stop(1.0), 5)
    assert all(task.done() for task in worker._tasks)
