"""A worker over stores in memory, and what it is told to run."""

import asyncio
from datetime import timedelta

import pytest
from opentelemetry.trace import NoOpTracer

from common.contracts.events import TaskStart
from common.errors import Unavailable
from common.times import utc_now
from devkit.stores.executions import MemoryCounters, MemoryExecutions, MemoryLeases
from devkit.stores.questions import MemoryQuestions
from executor.domain.ending.expiry import Expiry
from executor.domain.ending.settlement import Settlement
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution
from executor.domain.meters import NoMeters
from executor.domain.worker.intake import Intake
from executor.domain.worker.job_run import RunServices
from executor.domain.worker.runs import Runs
from executor.domain.worker.worker import Worker


class Store(MemoryExecutions):
    """Answers to `queued_of` wait for `listing`, those to writes for `gate`."""

    def __init__(self):
        super().__init__()
        self.listing, self.gate = asyncio.Event(), asyncio.Event()
        self.listing.set()
        self.gate.set()
        self.listed, self.claiming = asyncio.Event(), asyncio.Event()

    async def queued_jobs_of(self, workspace_id, before, limit):
        found = await super().queued_jobs_of(workspace_id, before, limit)
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

    async def publish_events(self, job, records):
        if self.away:
            raise Unavailable("The message broker cannot be reached.")


class Waiting:
    """A run that never comes to an end by itself."""

    async def run(self, job, journal):
        journal.append(EventDraft(TaskStart(task_id="task_1")))
        await journal.flush()
        await asyncio.Event().wait()


async def wait_for_ever():
    return Waiting()


@pytest.fixture
def store():
    return Store()


@pytest.fixture
async def make_worker(store):
    leases, workers = MemoryLeases(), []

    def make(name, bus=None, runner=wait_for_ever, silence=5.0, alone=False):
        bus = bus or Bus()
        settlement = Settlement(store, MemoryCounters(), bus)
        services = RunServices(store, bus, settlement, runner, NoOpTracer(), NoMeters())
        runs = Runs(services)
        intake = Intake(name, store, None, settlement)
        expiry = Expiry(MemoryQuestions(store), store, settlement, bus, NoMeters())
        parts = (store, leases, intake, runs, settlement, expiry, NoMeters())
        worker = Worker(name, *parts, 0.01, silence, alone=alone)
        worker.leases, worker.intake = leases, intake
        workers.append(worker)
        return worker

    yield make
    store.gate.set()
    await asyncio.gather(*(worker.stop(1.0) for worker in workers))


@pytest.fixture
def queue(store, make_crew):
    """Return what stores so many queued jobs: `job_0`, `job_1` …"""

    async def make(count):
        crew, long_ago = make_crew(), utc_now() - timedelta(minutes=1)
        for n in range(count):
            await store.insert(Execution(f"job_{n}", "ws_1", "crew_1", long_ago, snapshot=crew))

    return make


@pytest.fixture
def until():
    """Return what waits until a question is answered with yes."""

    async def asked(ask):
        async with asyncio.timeout(60):
            while not ask():  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.005)

    return asked


@pytest.fixture
def waiting_run():
    """Return the class of runs that never come to an end by themselves."""
    return Waiting


@pytest.fixture
def bus():
    return Bus()
