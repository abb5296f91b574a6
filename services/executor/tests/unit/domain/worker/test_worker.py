"""What a worker that stops leaves behind."""

import asyncio

from common.contracts.events import ExecutionComplete
from common.errors import Unavailable
from executor.domain.log.events import EventDraft


class Done:
    """A run that ends at once."""

    async def run(self, job, journal):
        journal.append(EventDraft(ExecutionComplete(result="tea")))


async def done():
    return Done()


async def test_what_a_stopped_worker_could_not_publish_is_published_by_another(
    store, make_worker, monkeypatch, queue, until, bus
):
    """Its lease stays, so that others see it dead and look after what it has left."""
    monkeypatch.setattr("executor.domain.worker.worker._SWEEP", 0.01)
    monkeypatch.setattr("executor.domain.worker.job_run._ANNOUNCED", 0.01)
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


async def test_a_run_that_is_cut_off_as_it_ends_publishes_no_more(
    store, make_worker, queue, until, bus
):
    """Its job is left to another worker; what went on would try for as long as the bus is away."""
    await queue(1)
    bus.away = True
    worker = make_worker("worker_1", bus, done)
    await worker.start()
    await until(lambda: store.jobs["job_0"].final)
    await asyncio.wait_for(worker.stop(0.5), 60)
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

    monkeypatch.setattr(worker.leases, "beat", beat)
    await asyncio.wait_for(beating.wait(), 60)
    await asyncio.wait_for(worker.stop(1.0), 60)
    assert all(task.done() for task in worker.rounds.tasks)
