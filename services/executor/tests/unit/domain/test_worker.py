"""A worker among others: what it takes, and what it gives back when it stops."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from opentelemetry.trace import NoOpTracer

from common.contracts.events import EventType, ExecutionStatus
from common.contracts.messages import JobSubmitted, StoredJob
from common.errors import Unavailable
from common.times import utc_now
from executor.domain import moves
from executor.domain.events import Draft
from executor.domain.execution import Execution
from executor.domain.intake import ForeignJob, Intake
from executor.domain.meters import NoMeters
from executor.domain.runs import Runs
from executor.domain.settlement import Settlement
from executor.domain.worker import Worker
from executor.store.memory import MemoryCounters, MemoryExecutions, MemoryLeases


class Store(MemoryExecutions):
    """Answers to `queued` wait for `listing`, those to writes for `gate`."""

    def __init__(self):
        super().__init__()
        self.listing, self.gate = asyncio.Event(), asyncio.Event()
        self.listing.set()
        self.gate.set()
        self.listed, self.claiming = asyncio.Event(), asyncio.Event()

    async def queued(self, before, limit):
        found = await super().queued(before, limit)
        if found:
            self.listed.set()
            await self.listing.wait()
        return found

    async def apply(self, step):
        done = await super().apply(step)
        self.claiming.set()
        await self.gate.wait()
        return done


class Bus:
    def __init__(self):
        self.away = False

    async def events(self, job, records):
        if self.away:
            raise Unavailable("The message broker cannot be reached.")


class Waiting:
    """A run that never comes to an end by itself."""

    async def run(self, job, journal):
        journal.append(Draft(EventType.TASK_START, {"task_id": "task_1"}))
        await journal.flush()
        await asyncio.Event().wait()


async def waiting():
    return Waiting()


class Done:
    """A run that ends at once."""

    async def run(self, job, journal):
        journal.append(Draft(EventType.EXECUTION_COMPLETE, {"result": "tea"}))


async def done():
    return Done()


@pytest.fixture
def store():
    return Store()


@pytest.fixture
async def make_worker(store):
    leases, workers = MemoryLeases(), []

    def make(name, bus=None, runner=waiting, silence=5.0):
        bus = bus or Bus()
        settlement = Settlement(store, MemoryCounters(), bus)
        runs = Runs(store, bus, settlement, runner, NoOpTracer(), NoMeters())
        intake = Intake(name, store, None, settlement)
        worker = Worker(name, store, leases, intake, runs, settlement, NoMeters(), 0.01, silence)
        worker.leases = leases
        workers.append(worker)
        return worker

    yield make
    store.gate.set()
    await asyncio.gather(*(worker.stop(1.0) for worker in workers))


async def queue(store, crew, count):
    long_ago = utc_now() - timedelta(minutes=1)
    for n in range(count):
        await store.insert(Execution(f"job_{n}", "ws_1", "crew_1", long_ago, snapshot=crew))


async def until(ask):
    async with asyncio.timeout(5):
        while not ask():  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.005)


async def test_a_worker_leaves_a_queued_job_alone_that_another_was_faster_to_claim(
    store, make_worker, make_crew
):
    await queue(store, make_crew(), 3)
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


async def test_a_job_whose_claim_is_under_way_is_handed_back_too(store, make_worker, make_crew):
    await queue(store, make_crew(), 1)
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


async def test_a_job_is_claimed_by_its_ticket_without_being_read(store, make_worker, told_job):
    worker = make_worker("worker_1")
    store.find = None
    await worker.take(announced(told_job), "")
    await until(lambda: store.jobs["job_1"].seq > 1)
    assert (store.jobs["job_1"].owner, store.jobs["job_1"].attempt) == ("worker_1", 1)


async def test_a_ticket_that_does_not_fit_has_the_job_read(store, make_worker, told_job):
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


async def test_a_told_job_that_comes_again_runs_once(store, make_worker, told_job):
    first, second = make_worker("worker_1"), make_worker("worker_2")
    await asyncio.gather(*(w.take(announced(told_job), "") for w in (first, second, first)))
    await until(lambda: store.jobs["job_1"].seq > 1)
    assert store.jobs["job_1"].attempt == 1


async def test_what_a_stopped_worker_could_not_publish_is_published_by_another(
    store, make_worker, make_crew, monkeypatch
):
    """Its lease stays, so that others see it dead and look after what it has left."""
    monkeypatch.setattr("executor.domain.worker._SWEEP", 0.01)
    monkeypatch.setattr("executor.domain.runs._ANNOUNCED", 0.01)
    await queue(store, make_crew(), 2)
    bus = Bus()
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


async def test_jobs_of_an_owner_that_has_no_lease_are_taken_over(
    store, make_worker, make_crew, monkeypatch
):
    """Nobody would see such an owner die."""
    monkeypatch.setattr("executor.domain.worker._SLOW_SWEEP", 0.01)
    await queue(store, make_crew(), 1)
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


async def test_a_slow_claim_does_not_hold_up_the_others(store, make_worker, make_crew, monkeypatch):
    """As one does whose crew has to be asked for while crews does not answer."""
    await queue(store, make_crew(), 4)
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
    store, make_worker, make_crew, monkeypatch
):
    await queue(store, make_crew(), 20)
    worker = make_worker("worker_1")
    claim = worker._intake.claim

    async def failing(job, *, lost=False):
        if job.job_id == "job_0":
            raise Unavailable("The database does not answer.")
        return await claim(job, lost=lost)

    monkeypatch.setattr(worker._intake, "claim", failing)
    await worker.start()
    await until(lambda: sum(job.owner is not None for job in store.jobs.values()) == 19)


class Paying:
    """A run whose call takes until `end`, if it is not cut off; its result is kept."""

    def __init__(self):
        self.begun, self.end = asyncio.Event(), asyncio.Event()

    async def run(self, job, journal):
        async with journal.effect():
            self.begun.set()
            await self.end.wait()
        journal.append(Draft(EventType.TOOL_RESULT, {"task_id": "task_1"}))
        await journal.flush()
        await asyncio.Event().wait()

    async def __call__(self):
        return self


async def test_a_worker_that_stops_waits_for_a_call_that_must_not_be_cut_off(
    store, make_worker, make_crew
):
    await queue(store, make_crew(), 1)
    paying = Paying()
    worker = make_worker("worker_1", runner=paying)
    await worker.start()
    await asyncio.wait_for(paying.begun.wait(), 5)
    stopping = asyncio.create_task(worker.stop(5.0))
    await asyncio.sleep(0.05)
    assert store.jobs["job_0"].owner == "worker_1"
    paying.end.set()
    await stopping
    job = store.jobs["job_0"]
    assert (job.status, job.owner) == (ExecutionStatus.RUNNING, None)
    assert [record.type for record in job.tail] == ["execution_start", "tool_result"]


async def test_it_does_not_wait_for_ever(store, make_worker, make_crew):
    await queue(store, make_crew(), 1)
    paying = Paying()
    worker = make_worker("worker_1", runner=paying)
    await worker.start()
    await asyncio.wait_for(paying.begun.wait(), 5)
    await asyncio.wait_for(worker.stop(0.2), 5)
    assert store.jobs["job_0"].owner is None
    assert [record.type for record in store.jobs["job_0"].tail] == ["execution_start"]


async def test_jobs_on_their_last_claim_are_taken_one_at_a_time(store, make_worker, make_crew):
    await queue(store, make_crew(), 4)
    for n, job in enumerate(tuple(store.jobs.values())):
        step = moves.claim(job, "worker_dead", utc_now(), lost=False, limit=5)
        lost = 4 if n < 3 else 1
        store.jobs[job.job_id] = replace(step.after, owner=None, lost_claims=lost)
    going_on = asyncio.Event()

    class Further(Waiting):
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
    store, make_worker, make_crew, monkeypatch
):
    await queue(store, make_crew(), 3)
    find = store.find

    async def broken(job_id):
        if job_id == "job_0":
            raise ValueError("a document of tomorrow")
        return await find(job_id)

    monkeypatch.setattr(store, "find", broken)
    worker = make_worker("worker_1")
    await worker.start()
    await until(lambda: worker.runs.running().keys() == {"job_1", "job_2"})


async def test_a_run_whose_job_another_worker_has_ended_is_cut_off(store, make_worker, make_crew):
    await queue(store, make_crew(), 1)
    worker = make_worker("worker_1")
    await worker.start()
    await until(lambda: store.jobs["job_0"].seq == 2)
    told = {"code": "ATTEMPTS_EXHAUSTED", "message": "it is given up"}
    assert await store.apply(moves.refuse(store.jobs["job_0"], "worker_2", utc_now(), **told))
    await until(lambda: not worker.runs.running())


async def test_a_worker_whose_turn_it_is_not_leaves_looking_to_the_others(
    store, make_worker, make_crew
):
    await queue(store, make_crew(), 1)
    idle, other = make_worker("worker_idle"), make_worker("worker_other")
    idle._lookout.takes = lambda: False
    await idle.start()
    await asyncio.sleep(0.1)
    assert store.jobs["job_0"].owner is None
    await other.start()
    await until(lambda: store.jobs["job_0"].owner == "worker_other")


async def test_many_jobs_of_its_own_are_checked_as_much_more_rarely(
    store, make_worker, make_crew, monkeypatch
):
    monkeypatch.setattr("executor.domain.worker._CHECKED", 1)
    await queue(store, make_crew(), 10)
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


async def test_a_full_worker_says_so(store, make_worker, make_crew):
    worker = make_worker("worker_1")
    worker.runs._slots = 1
    await queue(store, make_crew(), 1)
    await worker.start()
    await until(lambda: worker.runs.free == 0)
    told = worker.leases._full
    await until(lambda: told == {"worker_1"})
