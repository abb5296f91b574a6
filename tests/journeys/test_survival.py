"""A worker dies in the middle of a run, and the run goes on in another."""

import asyncio
import signal
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("form", ["stack"], indirect=True, scope="session")
async def test_a_killed_workers_job_goes_on_in_another(user: Any, platform: Any) -> None:
    crew_id = await user.crew("First of all", "Then hold:survival", "At last", model="gpt-4")
    job_id = await user.start(crew_id)
    watching = asyncio.create_task(user.watch(job_id))
    await platform.model.held("survival")
    for name in platform.workers:
        await platform.stack.signal(name, signal.SIGKILL)
    platform.model.release("survival")
    for name in platform.workers:
        await platform.stack.start(name)
    events = await watching
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["type"] for event in events]
    assert kinds.count("execution_resumed") == 1
    assert kinds.count("task_start") == 3
    assert kinds.count("task_complete") == 3
    assert kinds[-1] == "execution_complete"
    assert events[-1]["attempt"] == 2
    # Of this crew alone: what other jobs of this platform had left open goes on as well.
    tasks = ("First of all", "Then hold:survival", "At last")
    assert [_asked(platform, task) for task in tasks] == [1, 2, 1]


def _asked(platform: Any, task: str) -> int:
    """Return how often a model was asked to work on `task`."""
    said = [str(call["messages"][-1]["content"]) for call in platform.model.calls]
    return sum(f"Your task: {task}" in text for text in said)
