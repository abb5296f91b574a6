"""How many jobs there are, whatever moment they are counted at."""

import pytest

from common.contracts.events import ExecutionStatus
from common.times import utc_now
from executor.domain.analytics import Ending
from executor.domain.execution import Execution
from executor.domain.reading import Reading
from executor.store.memory import MemoryCounters, MemoryExecutions


@pytest.mark.parametrize("closed", [False, True])
async def test_a_job_that_is_counted_and_not_yet_closed_is_one_job(closed: bool) -> None:
    executions, counters = MemoryExecutions(), MemoryCounters()
    reading = Reading(executions, executions, counters)
    job = Execution(job_id="job_1", workspace_id="ws_1", crew_id="crew_1", created_at=utc_now())
    await executions.insert(job)

    async def totals() -> list[int]:
        found = []
        for crew_id in (None, "crew_1"):
            _, total = await reading.page("ws_1", crew_id=crew_id, status=None, skip=0, limit=9)
            found.append(total)
        return found

    assert await totals() == [1, 1]
    ending = Ending("job_1", "2026-11", ExecutionStatus.STOPPED, tokens=0, seconds=1.0)
    await counters.count("ws_1", "crew_1", [ending])
    if closed:
        await executions.close(["job_1"])
    assert await totals() == [1, 1]
