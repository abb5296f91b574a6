"""A workspace that has as much as it may is refused, and told which bound it is; others are not."""

from dataclasses import replace

import pytest

from common.contracts.events import ExecutionStatus
from common.errors import Conflict, RateLimited
from common.times import utc_now
from devkit.stores.executions import MemoryCounters, MemoryExecutions
from executor.domain.api.quotas import Quotas
from executor.domain.ending.tallies import Ending, ending_of, stored_bytes
from executor.domain.log.execution import Execution
from executor.domain.log.records import Record


class Counting(MemoryExecutions):
    """Counts how often a queue is counted."""

    asked = 0

    async def count_queued(self, workspace_id: str, most: int) -> int:
        self.asked += 1
        return await super().count_queued(workspace_id, most)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_queue_is_filled_and_no_further_and_counted_seldom(clock):
    executions = Counting()
    quotas = Quotas(executions, MemoryCounters(), queued=1_000, stored_mb=0, clock=clock)
    for n in range(1_000):
        await quotas.check("ws_1")
        await executions.insert(Execution(f"job_{n}", "ws_1", "crew_1", utc_now()))
    assert executions.asked <= 12
    for _ in range(5):
        with pytest.raises(RateLimited) as refused:
            await quotas.check("ws_1")
    assert "KASAL_QUEUE_LIMIT" in refused.value.message
    assert refused.value.retry_after
    assert executions.asked <= 13
    await quotas.check("ws_2")
    executions.jobs.pop("job_0")
    clock.now += 1.0
    await quotas.check("ws_1")


async def test_several_processes_overshoot_by_no_more_than_the_room_they_saw(clock):
    executions = MemoryExecutions()
    doors = [
        Quotas(executions, MemoryCounters(), queued=100, stored_mb=0, clock=clock) for _ in range(3)
    ]
    taken = 0
    for n in range(600):
        try:
            await doors[n % 3].check("ws_1")
        except RateLimited:
            continue
        taken += 1
        await executions.insert(Execution(f"job_{n}", "ws_1", "crew_1", utc_now()))
    assert 100 <= taken <= 150


async def test_what_is_stored_is_bounded_and_told(clock):
    counters = MemoryCounters()
    quotas = Quotas(MemoryExecutions(), counters, queued=9, stored_mb=3, clock=clock)
    await quotas.check("ws_1")
    ending = Ending("job_1", "2026-11", ExecutionStatus.COMPLETED, 0, 1.0, stored=2_000_000)
    await counters.count("ws_1", "crew_1", [ending])
    await counters.count("ws_1", "crew_2", [replace(ending, job_id="job_2")])
    clock.now += 31.0
    with pytest.raises(Conflict) as refused:
        await quotas.check("ws_1")
    assert "KASAL_WORKSPACE_STORAGE_MB" in refused.value.message
    await quotas.check("ws_2")


def test_large_inputs_events_and_results_count(make_crew):
    small = Execution("job_1", "ws_1", "crew_1", utc_now(), snapshot=make_crew())
    assert stored_bytes(replace(small, inputs={"a": "x" * 50_000})) > stored_bytes(small) + 50_000
    record = Record(9, "progress", b"x" * 1_000, b"y" * 1_000)
    assert stored_bytes(replace(small, seq=9, tail=(record,))) > stored_bytes(small) + 18_000
    assert ending_of(small).stored == stored_bytes(small)
