"""What is counted over all processes, and what is left out while a backend is away."""

import asyncio
from datetime import timedelta

import pytest

from common.contracts.events import ExecutionStatus
from common.errors import Unavailable
from common.process.background import Background
from common.times import utc_now
from devkit.stores.executions import MemoryExecutions, MemoryLeases
from executor.domain.api import census
from executor.domain.api.census import CensusTaker
from executor.domain.log.execution import Execution
from executor.domain.meters import Census, NoMeters


class BrokerQueues:
    def __init__(self):
        self.here = True

    async def depths(self):
        if not self.here:
            raise Unavailable("away")
        return {"jobs": (2, 1)}


class Store(MemoryExecutions):
    here = True

    async def count_live(self):
        if not self.here:
            raise Unavailable("away")
        return await super().count_live()


def job(number: int, status: ExecutionStatus, waited: float = 0) -> Execution:
    made = utc_now() - timedelta(seconds=waited)
    return Execution(f"job_{number}", "ws_1", "crew_1", made, status=status)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def leases():
    return MemoryLeases()


@pytest.fixture
def queues():
    return BrokerQueues()


@pytest.fixture
def taker(store, leases, queues):
    return CensusTaker(store, leases, queues, NoMeters())


async def test_jobs_are_counted_by_status_and_the_oldest_queued_is_timed(taker, store):
    for one in (
        job(1, ExecutionStatus.QUEUED, waited=30),
        job(2, ExecutionStatus.QUEUED, waited=90),
        job(3, ExecutionStatus.RUNNING, waited=500),
    ):
        await store.insert(one)
    told = await taker.count()
    assert told.jobs == {"queued": 2, "running": 1, "waiting_for_input": 0}
    assert told.oldest_queued == pytest.approx(90, abs=5)
    assert told.queues == {"jobs": (2, 1)}


async def test_without_a_queued_job_nothing_waits(taker):
    told = await taker.count()
    assert (told.oldest_queued, told.workers) == (0.0, 0)


async def test_a_worker_whose_counter_stands_still_is_not_alive(taker, leases, monkeypatch):
    now = 100.0
    monkeypatch.setattr(census, "_now", lambda: now)
    await leases.beat("worker_1", 1)
    await leases.beat("worker_2", 1)
    assert (await taker.count()).workers == 2
    now += census.EVERY
    await leases.beat("worker_1", 2)
    assert (await taker.count()).workers == 1
    await leases.leave("worker_2")
    assert (await taker.count()).workers == 1


async def test_what_cannot_be_asked_is_left_out_and_nobody_dies_of_it(
    taker, store, leases, queues, monkeypatch
):
    now = 100.0
    monkeypatch.setattr(census, "_now", lambda: now)
    await leases.beat("worker_1", 1)
    await taker.count()
    store.here = queues.here = False
    now += census.EVERY
    assert await taker.count() == Census()
    store.here = queues.here = True
    now += census.EVERY
    assert (await taker.count()).workers == 1


async def test_a_count_that_fails_is_not_the_last_one(taker, monkeypatch):
    """Nobody would see that the figures, by which workers are added, stand still."""
    again, told = asyncio.Event(), []
    answers = [KeyError("a document that cannot be read"), Census(workers=3)]

    async def count():
        if len(answers) > 1:
            raise answers.pop(0)
        again.set()
        return answers[0]

    monkeypatch.setattr(taker, "count", count)
    monkeypatch.setattr(taker._meters, "counted", told.append, raising=False)
    async with Background() as background:
        background.repeat(taker.report, every=0.001, name="census")
        await asyncio.wait_for(again.wait(), 60)
