"""A worker among others: what it takes, and what it looks after."""

import asyncio
from dataclasses import replace

import pytest

from common.contracts.messages import JobSubmitted, StoredJob
from common.errors import Unavailable
from common.times import utc_now
from executor.domain.log import moves
from executor.domain.log.execution import Execution
from executor.domain.worker.intake import ForeignJob
from executor.domain.worker.turns import Places


async def test_a_worker_leaves_a_queued_job_alone_that_another_was_faster_to_claim(
    store, make_worker, queue, until
):
    await queue(3)
    slow, fast = make_worker("worker_slow"), make_worker("worker_fast")
    store.listing.clear()
    await slow.start()
    await asyncio.wait_for(store.listed.wait(), 5)
    await fast.start()
    for job in tuple(store.jobs.values()):
        message = JobSubmitted(job_id=job.job_id, workspace_id="ws_1", crew_id="crew_1")
        await fast.take(message, "")
    store.listing.set()
    await until(lambda: all(job.seq > 1 for job in store.jobs.values()))
    await slow.stop(1.0)
    assert {job.owner for job in store.jobs.values()} == {"worker_fast"}
    assert {job.attempt for job in store.jobs.values()} == {1}


def announced(job: Execution, **changes) -> JobSubmitted:
    stored = StoredJob(ticket=job.ticket, created_at=job.created_at, snapshot=job.snapshot)
    facts = {"job_id": job.job_id, "workspace_id": job.workspace_id, "crew_id": job.crew_id}
    return JobSubmitted(**{**facts, "stored": stored, **changes})


@pytest.fixture
async def told_job(store, make_crew):
    crew = make_crew()
    job = Execution("job_1", "ws_1", "crew_1", utc_now(), snapshot=crew, ticket="ticket_1")
    await store.insert(job)
    return job


async def test_a_job_is_claimed_by_its_ticket_without_being_read(
    store, make_worker, told_job, until
):
    worker = make_worker("worker_1")
    store.find = None
    await worker.take(announced(told_job), "")
    await until(lambda: store.jobs["job_1"].seq > 1)
    assert (store.jobs["job_1"].owner, store.jobs["job_1"].attempt) == ("worker_1", 1)


async def test_a_ticket_that_does_not_fit_has_the_job_read(store, make_worker, told_job, until):
    forged = StoredJob(
        ticket="another one",
        created_at=told_job.created_at,
        snapshot=told_job.snapshot.model_copy(update={"name": "Forged"}),
    )
    worker = make_worker("worker_1")
    await worker.take(announced(told_job, stored=forged, inputs={"forged": True}), "")
    await until(lambda: store.jobs["job_1"].seq > 1)
    job = store.jobs["job_1"]
    assert (job.snapshot.name, dict(job.inputs)) == (told_job.snapshot.name, {})
    with pytest.raises(ForeignJob):
        await worker.take(announced(told_job, workspace_id="ws_2", stored=forged), "")


async def test_a_told_job_that_comes_again_runs_once(store, make_worker, told_job, until):
    first, second = make_worker("worker_1"), make_worker("worker_2")
    await asyncio.gather(*(w.take(announced(told_job), "") for w in (first, second, first)))
    await until(lambda: store.jobs["job_1"].seq > 1)
    assert store.jobs["job_1"].attempt == 1


async def test_jobs_of_an_owner_that_has_no_lease_are_taken_over(
    store, make_worker, monkeypatch, queue, until
):
    """Nobody would see such an owner die."""
    monkeypatch.setattr("executor.domain.worker.worker._SLOW_SWEEP", 0.01)
    await queue(1)
    gone = make_worker("worker_gone")
    await gone.start()
    await until(lambda: store.jobs["job_0"].owner == "worker_gone" and store.jobs["job_0"].seq > 1)
    for task in gone._tasks:
        task.cancel()
    await gone.leases.leave("worker_gone")
    other = make_worker("worker_2")
    await other.start()
    await until(lambda: store.jobs["job_0"].owner == "worker_2")
    assert store.jobs["job_0"].attempt == 2


async def test_a_slow_claim_does_not_hold_up_the_others(
    store, make_worker, monkeypatch, queue, until
):
    """As one does whose crew has to be asked for while crews does not answer."""
    await queue(4)
    worker = make_worker("worker_1")
    claim, hangs = worker._intake.claim, asyncio.Event()

    async def slow(job, *, lost=False):
        if job.job_id == "job_0":
            await hangs.wait()
        return await claim(job, lost=lost)

    monkeypatch.setattr(worker._intake, "claim", slow)
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
    claim = worker._intake.claim

    async def failing(job, *, lost=False):
        if job.job_id == "job_0":
            raise Unavailable("The database does not answer.")
        return await claim(job, lost=lost)

    monkeypatch.setattr(worker._intake, "claim", failing)
    await worker.start()
    await until(lambda: sum(job.owner is not None for job in store.jobs.values()) == 19)


async def test_jobs_on_their_last_claim_are_taken_one_at_a_time(
    store, make_worker, queue, until, waiting_run
):
    await queue(4)
    for n, job in enumerate(tuple(store.jobs.values())):
        step = moves.claim(job, "worker_dead", utc_now(), lost=False, limit=5)
        lost = 4 if n < 3 else 1
        store.jobs[job.job_id] = replace(step.after, owner=None, lost_claims=lost)
    going_on = asyncio.Event()

    class Further(waiting_run):
        async def run(self, job, journal):
            await going_on.wait()
            await super().run(job, journal)

    async def further():
        return Further()

    worker = make_worker("worker_1", runner=further)
    await worker.start()
    await until(lambda: len(worker.runs.running()) == 2)
    await asyncio.sleep(0.1)
    assert len(worker.runs.running()) == 2
    assert {"job_3"} < worker.runs.running().keys()
    going_on.set()
    await until(lambda: len(worker.runs.running()) == 4)


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


async def test_a_run_whose_job_another_worker_has_ended_is_cut_off(
    store, make_worker, queue, until
):
    await queue(1)
    worker = make_worker("worker_1")
    await worker.start()
    await until(lambda: store.jobs["job_0"].seq == 2)
    told = {"code": "ATTEMPTS_EXHAUSTED", "message": "it is given up"}
    assert await store.apply(moves.refuse(store.jobs["job_0"], "worker_2", utc_now(), **told))
    await until(lambda: not worker.runs.running())


async def test_a_worker_whose_turn_it_is_not_leaves_looking_to_the_others(
    store, make_worker, queue, until
):
    await queue(1)
    idle, other = make_worker("worker_idle"), make_worker("worker_other")
    idle._lookout.takes = lambda: False
    await idle.start()
    await asyncio.sleep(0.1)
    assert store.jobs["job_0"].owner is None
    await other.start()
    await until(lambda: store.jobs["job_0"].owner == "worker_other")


async def test_many_jobs_of_its_own_are_checked_as_much_more_rarely(
    make_worker, monkeypatch, queue, until
):
    monkeypatch.setattr("executor.domain.worker.worker._CHECKED", 1)
    await queue(10)
    worker = make_worker("worker_1")
    await worker.start()
    await until(lambda: len(worker.runs.held()) == 10)
    checks = 0

    async def check():
        nonlocal checks
        checks += 1

    monkeypatch.setattr(worker, "_check_own", check)
    began = worker._rounds
    await until(lambda: worker._rounds >= began + 20)
    assert checks == pytest.approx(2, abs=1)


async def test_a_full_worker_says_so(make_worker, queue, until):
    worker = make_worker("worker_1")
    worker.runs.places = Places(1)
    await queue(1)
    await worker.start()
    await until(lambda: worker.runs.free == 0)
    told = worker.leases._full
    await until(lambda: told == {"worker_1"})


async def test_a_lost_job_is_found_behind_those_of_a_workspace_that_gets_no_place(
    store, make_worker, make_crew, until
):
    worker = make_worker("worker_1")
    worker.runs.places = Places(2, 2)
    for n in range(2):
        assert worker.runs.reserve(f"here_{n}", "ws_large")
    for n, workspace in enumerate(["ws_large"] * 5 + ["ws_small"]):
        job = Execution(f"job_{n}", workspace, "crew_1", utc_now(), snapshot=make_crew())
        await store.insert(job)
        step = moves.claim(job, "worker_dead", utc_now(), lost=False, limit=5)
        assert await store.apply(step)
        assert await store.apply(moves.hand_back(step.after, published=0))
    await worker.start()
    await until(lambda: store.jobs["job_5"].owner == "worker_1")
    assert {store.jobs[f"job_{n}"].owner for n in range(5)} == {None}
    for n in range(2):
        worker.runs.release(f"here_{n}")
