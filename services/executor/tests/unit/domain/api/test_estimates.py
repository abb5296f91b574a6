"""Estimates: read once in a while, and never kept of a crew that has not run."""

from datetime import UTC, datetime

from common.contracts.events import ExecutionStatus
from devkit.stores.executions import MemoryCounters
from executor.domain.api.estimates import Estimates
from executor.domain.ending.tallies import DEFAULT_ESTIMATE, Ending


async def test_an_estimate_is_kept_for_a_moment():
    counters, now = MemoryCounters(), [0.0]
    estimates = Estimates(counters, clock=lambda: now[0])
    month = datetime.now(UTC).strftime("%Y-%m")

    async def ended(job_id: str, seconds: float, *, replay: bool = False) -> None:
        done = ExecutionStatus.COMPLETED
        ending = Ending(job_id, month, done, 0, seconds, replay=replay)
        await counters.count("ws_1", "crew_1", [ending])

    assert await estimates.of("ws_1", "crew_1") == DEFAULT_ESTIMATE
    await ended("job_0", 0.01, replay=True)
    now[0] = 20.0
    assert await estimates.of("ws_1", "crew_1") == DEFAULT_ESTIMATE, "a replay is no run"
    now[0] = 40.0
    await ended("job_1", 10.0)
    assert await estimates.of("ws_1", "crew_1") == 10
    await ended("job_2", 30.0)
    assert await estimates.of("ws_1", "crew_1") == 10
    assert await estimates.of("ws_2", "crew_1") == DEFAULT_ESTIMATE
    now[0] = 51.0
    assert await estimates.of("ws_1", "crew_1") == 20
