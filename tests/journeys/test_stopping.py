"""Stopping a run: at once, from anywhere, for good."""

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_stop_cuts_off_the_model_call(user: Any) -> None:
    model = user.platform.model
    crew_id = await user.crew("Wait for hold:stopping", model="gpt-4")
    job_id = await user.start(crew_id)
    watching = asyncio.create_task(user.watch(job_id))
    await model.held("stopping")
    told = await user.call("POST", f"/executions/{job_id}/stop", expect=200)
    assert told == {"job_id": job_id, "status": "stopped"}
    events = await watching
    assert events[-1]["type"] == "execution_stopped"
    await model.dropped("stopping")
    assert (await user.call("GET", f"/executions/{job_id}"))["status"] == "stopped"
    assert (await user.call("POST", f"/executions/{job_id}/stop", expect=200))[
        "status"
    ] == "stopped"
    task = (await user.call("GET", f"/tasks?crew_id={crew_id}"))["tasks"][0]
    async with asyncio.timeout(60):
        while task["status"] != "stopped":
            await asyncio.sleep(0.01)
            task = (await user.call("GET", f"/tasks?crew_id={crew_id}"))["tasks"][0]
    assert await user.watch(job_id) == events
