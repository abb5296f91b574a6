"""What a platform must be like that was brought back from a backup made while it worked."""

import asyncio
from typing import Any


async def check_restored(
    user: Any, quick: str, done: Any, before: Any, held: str, meanwhile: list[str]
) -> None:
    """Assert that of a backup made while `held` ran and `meanwhile` were started nothing is lost or done twice."""
    assert await user.call("GET", f"/executions/{done['job_id']}", expect=200) == done
    traces = await user.call("GET", f"/executions/{done['job_id']}/traces", expect=200)
    assert traces == before
    events = await user.watch(held)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["type"] for event in events]
    assert (kinds.count("task_start"), kinds.count("execution_resumed")) == (3, 1)
    assert kinds[-1] == "execution_complete"

    listed = await user.call("GET", "/executions?page_size=100", expect=200)
    there = {row["job_id"] for row in listed["executions"]}
    assert {done["job_id"], held} <= there <= {done["job_id"], held, *meanwhile}
    for job_id in there:  # what was open goes on, what was not yet told is told
        told = await user.finished(job_id)
        assert told["status"] == "completed"
    await _counted(user, len(there))
    tasks = await user.call("GET", f"/tasks?crew_id={quick}", expect=200)
    assert [task["status"] for task in tasks["tasks"]] == ["completed", "completed"]
    assert (await user.call("GET", "/crews", expect=200))["total"] == 2
    again = await user.finished(await user.start(quick))
    assert again["status"] == "completed"


async def _counted(user: Any, many: int) -> None:
    """Wait until each job is counted, and see that none is twice."""
    path = "/analytics/performance"
    async with asyncio.timeout(60):
        while True:
            crews = (await user.call("GET", path, expect=200))["crews"]
            counted = sum(crew["executions"] for crew in crews)
            assert counted <= many
            if counted == many:
                break
            await asyncio.sleep(0.05)
    assert (await user.call("GET", "/executions", expect=200))["total"] == many
