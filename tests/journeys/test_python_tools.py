"""The operator's own tools in Python: those of docs/how-to/python-tools.md, which all platforms under test have.

Covers: executor.tools.python, executor.tools.built_in.code_runner
"""

import json
from typing import Any

import pytest
from journeys.users import read_events

from kasal_platform.api_client import subscribe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]


def called(name: str, **arguments: Any) -> str:
    return f"call:{name}:{json.dumps(arguments)}"


async def results(user: Any, job_id: str) -> list[str]:
    """Return what tools gave, once the job has ended."""
    events = await user.watch(job_id)
    assert events[-1]["type"] == "execution_complete", events[-1]
    return [event["result"] for event in events if event["type"] == "tool_result"]


async def test_crews_call_the_tools_of_an_installed_package(user: Any) -> None:
    listed = {tool["name"]: tool for tool in (await user.call("GET", "/tools"))["tools"]}
    assert listed["order_status"]["description"] == "Look up the status of an order."
    assert listed["order_status"]["category"] == listed["refund"]["category"] == "python"
    crew_id = await user.crew(
        "First " + called("order_status", order="A-17"),
        "Then " + called("order_status", order="A-18"),
        model="gpt-4",
        tools=["order_status"],
    )
    told = await results(user, await user.start(crew_id))
    assert json.loads(told[0]) == {"status": "sent", "on": "2026-11-24"}
    assert told[1] == "Error: there is no order A-18."


async def test_a_call_that_needs_approval_is_made_after_it_with_its_own_key(user: Any) -> None:
    crew_id = await user.crew(
        "Do " + called("refund", order="A-17", amount=2.5), model="gpt-4", tools=["refund"]
    )
    job_id = await user.start(crew_id)
    async with user.connect() as socket:
        await subscribe(socket, job_id, 0)
        asked = (await read_events(socket, {"input_required"}))[-1]
    assert asked["tool_call"]["arguments"] == {"order": "A-17", "amount": 2.5}
    answer = {"outcome": "approved"}
    await user.call("POST", f"/executions/{job_id}/input", answer, expect=200)
    [told] = await results(user, job_id)
    assert told.startswith(f"Refunded 2.50 euros for A-17, reference {job_id}:")


async def test_code_runs_in_the_operators_sandbox(user: Any) -> None:
    crew_id = await user.crew(
        "Run " + called("code_runner", code="print(6 * 7)"), model="gpt-4", tools=["code_runner"]
    )
    assert await results(user, await user.start(crew_id)) == ["42\n"]
