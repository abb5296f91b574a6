"""Stories of workers that die, stop, stand still or lose their job to another."""

import asyncio
from datetime import timedelta

import pytest

from common.contracts.events import EventType, ExecutionComplete, ExecutionStatus
from common.times import utc_now
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import READS
from executor.domain.worker.intake import _new_job


@pytest.fixture
def settings(settings):
    """A worker that beats no more is soon dead."""
    return settings.model_copy(update={"lease_silence": 0.6})


async def _kill(process) -> None:
    """End a worker as SIGKILL would: nothing is written, nothing is handed back."""
    worker = process.worker
    worker.runs.start = lambda job: None  # a claim in flight is stored, but the dead run nothing
    worker.runs.places.close()  # PyMongo may answer a search that was cancelled, which then goes on to claim
    tasks = [*worker.rounds.tasks, *worker.runs._tasks.values()]
    for task in tasks:
        task.cancel()
    worker._settlement._background.cancel()
    await process.consumers.stop_taking()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_killed_workers_job_goes_on_in_another_with_no_second_task_start(
    make_gate, assert_whole, workers, submit, submission, ended, log_of, make_runner
):
    gate = make_gate("task_2")
    first, _ = await workers.start(make_runner(gate))
    job_id = await submit(submission())
    await gate.reached.wait()
    await _kill(first)
    await workers.start(make_runner())
    job = await ended(job_id)

    assert job.status == ExecutionStatus.COMPLETED
    assert (job.attempt, job.lost_claims) == (2, 0)  # it has got further since
    log = await log_of(job_id)
    assert_whole(log, EventType.EXECUTION_COMPLETE)
    starts = [event.body.task_id for event in log if event.type == EventType.TASK_START]
    assert starts == ["task_1", "task_2", "task_3"]
    resumed = [event for event in log if event.type == EventType.EXECUTION_RESUMED]
    assert [event.body.reason for event in resumed] == ["worker_lost"]


class Deadly:
    """Kills its worker when two jobs run there, or the deadly one alone once it is to run alone."""

    def __init__(self, poison_id):
        self.poison_id = poison_id
        self.here = set()
        self.killing = asyncio.Event()

    async def run(self, job, journal):
        self.here.add(job.job_id)
        deadly = job.job_id == self.poison_id
        if len(self.here) == 2 or (deadly and job.attempt >= 5):
            self.killing.set()
        if deadly or job.attempt < 5:
            await asyncio.Event().wait()
        journal.append(EventDraft(ExecutionComplete(result="alive")))
        await journal.flush()
        if self.poison_id in self.here:
            self.killing.set()


async def test_a_job_that_kills_its_workers_is_given_up_and_the_one_beside_it_is_not(
    assert_whole, workers, submit, submission, ended, log_of
):
    poison, innocent = submission(), submission()

    async def kill_each():
        while True:
            deadly = Deadly(poison.job_id)
            process, _ = await workers.start(deadly)
            await deadly.killing.wait()
            await _kill(process)

    async with (
        asyncio.TaskGroup() as group
    ):  # which fails with the killer, instead of waiting for it
        killer = group.create_task(kill_each())
        for message in (poison, innocent):
            await submit(message)
        given_up, survivor = await ended(poison.job_id), await ended(innocent.job_id)
        killer.cancel()
    assert given_up.state.error["code"] == "ATTEMPTS_EXHAUSTED"
    assert given_up.lost_claims == 5
    assert survivor.state.result == "alive"
    assert survivor.lost_claims < 5
    assert_whole(await log_of(poison.job_id), EventType.ERROR)
    assert_whole(await log_of(innocent.job_id), EventType.EXECUTION_COMPLETE)


async def test_a_worker_that_stops_hands_its_jobs_over(
    make_gate, assert_whole, workers, submit, submission, ended, log_of, make_runner, executions
):
    gate = make_gate("task_2")
    _, stop = await workers.start(make_runner(gate))
    job_id = await submit(submission())
    await gate.reached.wait()
    await workers.stopped(stop)
    handed = await executions.head(job_id)
    assert (handed.status, handed.owner) == (ExecutionStatus.RUNNING, None)
    await workers.start(make_runner())
    job = await ended(job_id)

    assert (job.status, job.attempt, job.lost_claims) == (ExecutionStatus.COMPLETED, 2, 0)
    log = await log_of(job_id)
    assert_whole(log, EventType.EXECUTION_COMPLETE)
    assert sum(event.type == EventType.TASK_START for event in log) == 3


async def test_a_paused_worker_that_comes_back_writes_nothing(
    make_gate, assert_whole, workers, submit, submission, ended, log_of, make_runner, executions
):
    gate = make_gate("task_2")
    paused, _ = await workers.start(make_runner(gate))
    job_id = await submit(submission())
    await gate.reached.wait()
    for task in paused.worker.rounds.tasks:
        task.cancel()
    await workers.start(make_runner())
    job = await ended(job_id)
    before = await log_of(job_id)
    (run,) = paused.worker.runs._tasks.values()
    gate.opened.set()
    await run
    assert (job.status, job.attempt) == (ExecutionStatus.COMPLETED, 2)
    assert await log_of(job_id) == before
    assert_whole(before, EventType.EXECUTION_COMPLETE)


async def test_a_worker_notices_that_its_job_was_taken_and_cuts_its_run_off(
    make_gate, workers, submit, submission, make_runner, executions, eventually
):
    from dataclasses import replace

    from common.times import utc_now
    from executor.domain.log import moves

    gate = make_gate("task_1")
    process, _ = await workers.start(make_runner(gate))
    job_id = await submit(submission())
    await gate.reached.wait()
    job = await executions.find(job_id)
    step = moves.claim(job, "worker_other", utc_now(), lost=True, limit=5)
    assert await executions.apply(replace(step))

    async def cut_off():
        return not process.worker.runs.running()

    assert await eventually(cut_off)
    assert (await executions.head(job_id)).owner == "worker_other"


async def test_a_job_goes_on_when_the_store_was_away(
    make_gate,
    assert_whole,
    workers,
    submit,
    submission,
    ended,
    make_runner,
    log_of,
    executions,
    monkeypatch,
    eventually,
):
    from common.errors import Unavailable

    gate = make_gate("task_2")
    process, _ = await workers.start(make_runner(gate), store_patience=0.3)
    job_id = await submit(submission())
    await gate.reached.wait()
    store = process.worker.own_jobs._executions
    working = store.apply

    async def away(step):
        raise Unavailable("away")

    monkeypatch.setattr(store, "apply", away)
    gate.opened.set()

    async def given_up():
        return not process.worker.runs.running()

    await eventually(given_up)
    monkeypatch.setattr(store, "apply", working)
    job = await ended(job_id)
    assert (job.status, job.attempt, job.lost_claims) == (ExecutionStatus.COMPLETED, 2, 0)
    log = await log_of(job_id)
    assert_whole(log, EventType.EXECUTION_COMPLETE)
    assert sum(event.type == EventType.TASK_START for event in log) == 3


@pytest.fixture
def rewritten(store_database):
    """Write to a job as a newer version of Kasal would."""

    async def write(job_id: str, **fields) -> None:
        change = {"format": READS + 1, **fields}
        await store_database("executor")["executions"].update_one({"_id": job_id}, {"$set": change})

    return write


async def test_a_job_of_a_newer_version_waits_for_a_newer_worker(
    workers, submit, submission, executions, ended, make_runner, rewritten, store_database
):
    newer = submission()
    await executions.insert(_new_job(newer, "", utc_now() - timedelta(minutes=1)))
    await rewritten(newer.job_id)
    before = await store_database("executor")["executions"].find_one({"_id": newer.job_id})
    process, _ = await workers.start(make_runner())
    await submit(newer)  # by the bus, and by looking at the store
    await ended(await submit(submission()))
    await process.worker._care()
    after = await store_database("executor")["executions"].find_one({"_id": newer.job_id})
    assert after == before
    await rewritten(newer.job_id, format=READS)  # to a newer worker it is as any other
    assert (await ended(newer.job_id)).status == ExecutionStatus.COMPLETED


async def test_a_run_ends_when_a_newer_version_has_taken_its_job(
    make_gate, workers, submit, submission, eventually, make_runner, rewritten, store_database
):
    gate = make_gate("task_2")
    process, _ = await workers.start(make_runner(gate))
    job_id = await submit(submission())
    await gate.reached.wait()
    await rewritten(job_id, owner="worker_new", attempt=2, seq=9)
    held = store_database("executor")["executions"]
    before = await held.find_one({"_id": job_id})

    async def gone():
        return not process.worker.runs.places.held_jobs()

    await eventually(gone)
    gate.opened.set()
    assert await held.find_one({"_id": job_id}) == before
