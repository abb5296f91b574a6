"""A job that fails at its third step is forked from there, and replayed when its model and its tool are gone."""

from typing import Any

import aiohttp
import pytest
from journeys.homes import Home
from journeys.platforms import ended
from journeys.test_people import Till
from journeys.users import User

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What a copied event says of what came next was said with the old input.
NOT_COMPARED = {"job_id", "timestamp", "duration", "attempt", "recorded", "current_task"}
OF_NO_STEP = {"execution_start", "execution_resumed", "execution_forked"}


def told(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what a run did, without ids, times and claims."""
    seen = [event for event in events if event["type"] not in OF_NO_STEP]
    left = [{name: v for name, v in e.items() if name not in NOT_COMPARED} for e in seen]
    return [{**event, "seq": place} for place, event in enumerate(left)]


@pytest.mark.own_platform
async def test_only_what_failed_is_done_again(home: Home) -> None:
    till = Till()
    await till.start()
    platform = await home.up(KASAL_TOOL_ALLOWED_HOSTS=f"127.0.0.1:{till.port}")
    async with aiohttp.ClientSession() as http:
        user = await home.user(http)
        fork_id = await forked(user, till)
        await home.model.close()
        await till.close()
        await replayed_alone(user, fork_id)
    assert await ended(platform) == 0
    assert [paid["amount"] for _, paid in till.paid] == [1, 2, 3, 4]


async def forked(user: User, till: Till) -> str:
    """Have a job fail at its third step, and its fork come to the end; return the fork's id."""
    tool = {**till.tool, "requires_approval": False}
    await user.call("POST", "/tools/custom", tool, expect=201)
    steps = [f'Step {n} call:pay:{{"amount": {n}}}' for n in (1, 2, 4)]
    steps.insert(2, "Step 3 {order}")
    crew_id = await user.crew(*steps, model="gpt-4", tools=["pay"])
    job = await user.finished(await user.start(crew_id, order="fail:400"))
    assert job["status"] == "failed"
    assert [paid["amount"] for _, paid in till.paid] == [1, 2]
    mended = {"inputs": {"order": 'call:pay:{"amount": 3}'}}
    fork = await user.call("POST", f"/executions/{job['job_id']}/fork", mended, expect=202)
    done = await user.finished(fork["job_id"])
    assert (done["status"], done["forked_from"]["job_id"]) == ("completed", job["job_id"])
    assert [paid["amount"] for _, paid in till.paid] == [1, 2, 3, 4]
    keys = [key.split(":")[0] for key, _ in till.paid]
    assert keys == [job["job_id"]] * 2 + [fork["job_id"]] * 2
    return str(fork["job_id"])


async def replayed_alone(user: User, fork_id: str) -> None:
    """Replay a job twice without a network; both give its events."""
    job = await user.call("GET", f"/executions/{fork_id}", expect=200)
    recorded = told(await user.watch(fork_id))
    asked = {"crew_id": job["crew_id"], "replay_of": fork_id}
    for _ in range(2):
        replay = await user.call("POST", "/executions", asked, expect=202)
        assert told(await user.watch(replay["job_id"])) == recorded
        done = await user.call("GET", f"/executions/{replay['job_id']}", expect=200)
        assert (done["result"], done["usage"]["requests"]) == (job["result"], 0)
