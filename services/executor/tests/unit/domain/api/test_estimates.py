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

    async def ended(job_id: str, seconds: float) -> None:
        await counters.count(
            "ws_1", "crew_1", [Ending(job_id, month, ExecutionStatus.COMPLETED, 0, seconds)]
        )

    assert await estimates.of("ws_1", "crew_1") == DEFAULT_ESTIMATE
    await ended("job_1", 10.0)
    assert await estimates.of("ws_1", "crew_1") == 10
    await ended("job_2", 30.0)
    assert await estimates.of("ws_1", "crew_1") == 10
    assert await estimates.of("ws_2", "crew_1") == DEFAULT_ESTIMATE
    now[0] = 11.0
    assert await estimates.of("ws_1", "crew_1") == 20
