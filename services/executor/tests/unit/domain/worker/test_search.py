"""Which jobs a worker takes that nobody looks after."""

import asyncio
from dataclasses import replace

from common.times import utc_now
from executor.domain.log import moves
from executor.domain.log.execution import Execution
from executor.domain.worker.turns import Places


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


async def test_a_worker_whose_turn_it_is_not_leaves_looking_to_the_others(
    store, make_worker, queue, until
):
    await queue(1)
    idle, other = make_worker("worker_idle"), make_worker("worker_other")
    idle.heartbeat.lookout.takes = lambda: False
    await idle.start()
    await asyncio.sleep(0.1)
    assert store.jobs["job_0"].owner is None
    await other.start()
    await until(lambda: store.jobs["job_0"].owner == "worker_other")


async def test_a_lost_job_is_found_behind_those_of_a_workspace_that_gets_no_place(
    store, make_worker, make_crew, until
):
    worker = make_worker("worker_1")
    worker.runs.places.rule = Places(2, 2)
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


async def test_the_next_job_on_its_last_claim_is_taken_when_the_one_before_gets_on(
    store, make_worker, queue, until
):
    """With one a round, 200 jobs that were killed four times would take a minute and a half to go on."""
    await queue(3)
    for job in tuple(store.jobs.values()):
        step = moves.claim(job, "worker_dead", utc_now(), lost=False, limit=5)
        store.jobs[job.job_id] = replace(step.after, owner=None, lost_claims=4)
    worker, rounds = make_worker("worker_1"), iter([True])
    worker.heartbeat.lookout.takes = lambda: next(rounds, False)
    await worker.start()
    await until(lambda: len(worker.runs.running()) == 3)
