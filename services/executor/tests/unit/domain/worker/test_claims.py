"""Claims that are too late, slow or fail: none stands in the way of the others."""

import asyncio

from common.contracts.messages import JobSubmitted
from common.errors import Unavailable


async def test_a_worker_leaves_a_queued_job_alone_that_another_was_faster_to_claim(
    store, make_worker, queue, until
):
    await queue(3)
    slow, fast = make_worker("worker_slow"), make_worker("worker_fast")
    store.listing.clear()
    await slow.start()
    await asyncio.wait_for(store.listed.wait(), 60)
    await fast.start()
    for job in tuple(store.jobs.values()):
        message = JobSubmitted(job_id=job.job_id, workspace_id="ws_1", crew_id="crew_1")
        await fast.take(message, "")
    store.listing.set()
    await until(lambda: all(job.seq > 1 for job in store.jobs.values()))
    await slow.stop(1.0)
    assert {job.owner for job in store.jobs.values()} == {"worker_fast"}
    assert {job.attempt for job in store.jobs.values()} == {1}


async def test_a_slow_claim_does_not_hold_up_the_others(
    store, make_worker, monkeypatch, queue, until
):
    """As one does whose crew has to be asked for while crews does not answer."""
    await queue(4)
    worker = make_worker("worker_1")
    claim, hangs = worker.intake.claim, asyncio.Event()

    async def slow(job, *, lost=False):
        if job.job_id == "job_0":
            await hangs.wait()
        return await claim(job, lost=lost)

    monkeypatch.setattr(worker.intake, "claim", slow)
    await worker.start()
    others = [f"job_{n}" for n in range(1, 4)]
    await until(lambda: all(store.jobs[job_id].owner == "worker_1" for job_id in others))
    assert store.jobs["job_0"].owner is None
    hangs.set()
    await until(lambda: store.jobs["job_0"].owner == "worker_1")


async def test_a_claim_that_fails_does_not_keep_the_others_from_being_made(
    store, make_worker, monkeypatch, queue, until
):
    await queue(20)
    worker = make_worker("worker_1")
    claim = worker.intake.claim

    async def failing(job, *, lost=False):
        if job.job_id == "job_0":
            raise Unavailable("The database does not answer.")
        return await claim(job, lost=lost)

    monkeypatch.setattr(worker.intake, "claim", failing)
    await worker.start()
    await until(lambda: sum(job.owner is not None for job in store.jobs.values()) == 19)


async def test_one_job_that_cannot_be_claimed_does_not_hide_those_behind_it(
    store, make_worker, monkeypatch, queue, until
):
    await queue(3)
    find = store.find

    async def broken(job_id):
        if job_id == "job_0":
            raise ValueError("a document of tomorrow")
        return await find(job_id)

    monkeypatch.setattr(store, "find", broken)
    worker = make_worker("worker_1")
    await worker.start()
    await until(lambda: worker.runs.running().keys() == {"job_1", "job_2"})
