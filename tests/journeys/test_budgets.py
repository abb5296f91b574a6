"""A budget is set, jobs run into it, usage shows what they used, and each call what it was sent.

Covers: executor.routes.analytics, executor.routes.call_bodies, executor.routes.calls
"""

import asyncio
from typing import Any

import pytest
from journeys.users import User

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.alike_in_every_form]

LIMIT = 2_000


async def used(user: User, query: str, jobs: int) -> dict[str, Any]:
    """Return the usage once so many jobs have been counted."""
    async with asyncio.timeout(120):
        while True:
            told: dict[str, Any] = await user.call("GET", f"/analytics/usage?{query}", expect=200)
            if told["executions"] == jobs:
                return told
            await asyncio.sleep(0.1)


async def test_jobs_run_into_the_budget_of_the_month(user: User) -> None:
    crew_id = await user.crew("Write about {topic}", "Write more about {topic}")
    await user.call("PUT", "/workspace/budget", {"max_tokens": LIMIT}, expect=200)
    jobs = [await user.start(crew_id, topic=f"tea {number}") for number in range(20)]
    ends = [await user.finished(job_id) for job_id in jobs]
    failed = [job for job in ends if job["status"] == "failed"]
    assert {job["error"]["code"] for job in failed} == {"BUDGET_EXCEEDED"}
    assert 0 < len(failed) < len(ends)
    tokens = [job["usage"]["input_tokens"] + job["usage"]["output_tokens"] for job in ends]
    assert LIMIT - 600 <= sum(tokens) <= LIMIT + max(tokens)

    month = await used(user, "group_by=month,crew,model", len(jobs))
    (row,) = month["rows"]
    assert (row["crew_id"], row["model"], row["tokens"]) == (crew_id, "offline", sum(tokens))
    assert row["cost_usd"] == 0
    status = await user.call("GET", "/workspace/budget", expect=200)
    assert status["spent"]["tokens"] == sum(tokens)
    assert status["reserved"]["tokens"] == 0

    await user.call("PUT", "/workspace/budget", {"max_tokens": sum(tokens)}, expect=200)
    body = {"crew_id": crew_id, "inputs": {"topic": "coffee"}}
    refused = await user.call("POST", "/executions", body, expect=402)
    assert refused["error"]["code"] == "BUDGET_EXCEEDED"
    await user.call("DELETE", "/workspace/budget", expect=204)
    assert (await user.finished(await user.start(crew_id, topic="coffee")))["status"] == "completed"


async def test_a_call_shows_what_was_sent(user: User) -> None:
    crew_id = await user.crew("What is {sum}?", tools=["calculator"])
    job_id = await user.start(crew_id, sum="6 * 7")
    assert (await user.finished(job_id))["status"] == "completed"
    events = {event["seq"]: event for event in await user.watch(job_id)}
    calls = (await user.call("GET", f"/executions/{job_id}/calls", expect=200))["calls"]
    assert [call["n"] for call in calls] == [
        seq for seq, event in events.items() if event["type"] in {"llm_call", "tool_call"}
    ]
    asks, made, answers = [
        await user.call("GET", f"/executions/{job_id}/calls/{call['n']}", expect=200)
        for call in calls
    ]
    assert "What is 6 * 7?" in asks["messages"][1]["content"]
    assert [tool["name"] for tool in asks["tools"]] == ["calculator"]
    (asked,) = asks["reply"]["tool_calls"]
    assert (asked["n"], asked["call_id"]) == (made["n"], made["call_id"])
    assert (made["arguments"], made["asked_in"]) == (asked["arguments"], asks["n"])
    assert events[made["result"]["n"]]["type"] == "tool_result"
    assert answers["messages"][:2] == asks["messages"]
    assert answers["messages"][-1]["content"] == made["result"]["content"]
    assert answers["messages"][-1]["tool_call_id"] == asked["id"]
