"""A job's journal over a store and a bus that fail as told."""

import asyncio

import pytest

from common.errors import Unavailable
from common.process.backoff import Backoff
from common.times import utc_now
from devkit.stores.executions import MemoryExecutions
from executor.domain.log import moves
from executor.domain.log.appender import Appender
from executor.domain.log.execution import Execution
from executor.domain.meters import NoMeters


class Flaky(MemoryExecutions):
    """A store that fails as told: `before` a write is made, or `after` it."""

    def __init__(self):
        super().__init__()
        self.before = self.after = 0
        self.applied = 0
        self.begun = asyncio.Event()

    async def apply(self, step):
        self.begun.set()
        await asyncio.sleep(0)
        if self.before:
            self.before -= 1
            raise Unavailable("away")
        self.applied += 1
        done = await super().apply(step)
        if self.after:
            self.after -= 1
            raise Unavailable("away")
        return done


class Bus:
    def __init__(self):
        self.seqs: list[int] = []
        self.away = False

    async def publish_events(self, job, records):
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")
        self.seqs += [record.seq for record in records]


@pytest.fixture
def store():
    return Flaky()


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
def quick(monkeypatch):
    """Pauses of a millisecond."""
    monkeypatch.setattr("executor.domain.log.appender._BACKOFF", Backoff((0.001,)))
    monkeypatch.setattr("executor.domain.log.announcer._BACKOFF", Backoff((0.001,)))


@pytest.fixture
async def journal(store, bus, make_crew, quick):
    job = Execution("job_1", "ws_1", "crew_1", utc_now(), snapshot=make_crew())
    await store.insert(job)
    step = moves.claim(job, "worker_1", utc_now(), lost=False, limit=5)
    await store.apply(step)
    store.applied = 0
    journal = Appender(step.after, store, bus, NoMeters(), patience=10.0)
    yield journal
    journal.announcer.stop()
