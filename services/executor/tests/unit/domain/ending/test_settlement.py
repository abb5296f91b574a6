"""Settling what has ended while the bus is away: nothing is lost, nothing piles up.

Covers: executor.domain.ending.sweeper
"""

import asyncio

import pytest

from common.contracts.events import ExecutionComplete
from common.errors import Unavailable
from common.times import utc_now
from devkit.stores.executions import MemoryCounters, MemoryExecutions
from executor.domain.ending import settlement
from executor.domain.ending.settlement import Settlement
from executor.domain.log import moves
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution
from executor.domain.log.records import number


class Bus:
    def __init__(self):
        self.away = True
        self.tries = 0

    async def publish_events(self, job, records):
        self.tries += 1
        if self.away:
            raise Unavailable("The message broker cannot be reached.")


def ended(job_id, crew):
    now = utc_now()
    job = Execution(job_id, "ws_1", "crew_1", now, snapshot=crew)
    job = moves.claim(job, "worker_1", now, lost=False, limit=5).after
    records = number([EventDraft(ExecutionComplete(result="tea"))], job_id, 1, 1, now)
    return moves.append(job, records, copied=0, published=0).after


async def until(ask):
    async with asyncio.timeout(60):
        while not ask():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
async def settling(bus):
    settling = Settlement(MemoryExecutions(), MemoryCounters(), bus)
    settling.start()
    yield settling
    await settling.stop(0.01)


async def test_a_job_that_waits_for_its_next_try_is_held(settling, bus, make_crew, monkeypatch):
    """Else each sweep has it tried once more, beside the tries that there are: more and more."""
    monkeypatch.setattr(settlement, "_PAUSE", 0.05)
    job = ended("job_1", make_crew())
    settling.add(job)
    for tries in range(1, 4):
        await until(lambda tries=tries: bus.tries == tries)
        await asyncio.sleep(0)
        assert settling.holds("job_1")
    bus.away = False
    await until(lambda: not settling.holds("job_1"))
    assert bus.tries == 4


async def test_while_the_bus_is_away_no_more_jobs_are_kept_than_it_may(
    settling, bus, make_crew, monkeypatch
):
    """The others are found in the store by a sweep, when there is room again."""
    monkeypatch.setattr(settlement, "_HELD", 10)
    monkeypatch.setattr(settlement, "_PAUSE", 3600)
    crew = make_crew()
    for n in range(25):
        settling.add(ended(f"job_{n}", crew))
        await asyncio.sleep(0.001)
    assert settling.outbox_size().jobs == 10
    assert sum(settling.holds(f"job_{n}") for n in range(25)) == 10


async def test_jobs_that_end_within_a_moment_are_counted_and_closed_by_one_write_each(
    bus, make_crew
):
    bus.away = False
    counted, closed = [], []

    class Counters(MemoryCounters):
        async def count(self, workspace_id, crew_id, endings):
            counted.append([ending.job_id for ending in endings])

    class Executions(MemoryExecutions):
        async def close(self, job_ids, *, keep_tails=False):
            closed.append(list(job_ids))

    settling = Settlement(Executions(), Counters(), bus, linger=60)
    settling.start()
    for n in (1, 2, 3):
        settling.add(ended(f"job_{n}", make_crew()))
        await asyncio.sleep(0)
    assert not closed
    await settling.stop(5)  # which waits for nothing more
    assert counted == closed == [["job_1", "job_2", "job_3"]]


async def test_a_call_that_a_library_cancels_delays_a_job_and_ends_nothing(bus, make_crew):
    """Else no job of this worker would be counted and closed until the worker is started again."""
    bus.away = False
    counted = []

    class Counters(MemoryCounters):
        cut_off = True

        async def count(self, workspace_id, crew_id, endings):
            if self.cut_off:
                self.cut_off = False
                raise asyncio.CancelledError
            counted.append([ending.job_id for ending in endings])

    settling = Settlement(MemoryExecutions(), Counters(), bus, linger=0)
    settling.start()
    settling.add(ended("job_1", make_crew()))
    await until(lambda: not settling.holds("job_1"))
    await settling.stop(0.01)
    assert counted == [["job_1"]]
