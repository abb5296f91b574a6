"""Runs that cannot succeed end with one error event that says why."""

from typing import Any

import pytest

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.alike_in_every_form]


async def test_a_provider_that_refuses_ends_the_job(user: Any) -> None:
    crew_id = await user.crew("Please fail:400", model="gpt-4")
    job_id = await user.start(crew_id)
    events = await user.watch(job_id)
    assert events[-1]["type"] == "error"
    assert events[-1]["code"] == "MODEL_ERROR"
    told = await user.call("GET", f"/executions/{job_id}", expect=200)
    assert told["status"] == "failed"
    assert told["error"]["code"] == "MODEL_ERROR"


async def test_missing_inputs_and_unready_crews_are_refused(user: Any) -> None:
    crew_id = await user.crew("Write about {topic} and {json: no}")
    told = await user.call("POST", "/executions", {"crew_id": crew_id, "inputs": {}}, expect=400)
    assert "topic" in str(told["error"])
    empty = await user.crew()
    await user.call("POST", "/executions", {"crew_id": empty, "inputs": {}}, expect=400)
    await user.call("POST", "/executions", {"crew_id": "crew_none", "inputs": {}}, expect=404)


async def test_a_failing_tool_is_a_result_the_agent_sees(user: Any) -> None:
    crew_id = await user.crew(
        'Use call:file_reader:{"path": "../../etc/passwd"}', model="gpt-4", tools=["file_reader"]
    )
    job_id = await user.start(crew_id)
    events = await user.watch(job_id)
    result = next(event for event in events if event["type"] == "tool_result")
    assert "root:" not in result["result"]
    assert events[-1]["type"] == "execution_complete"


async def test_the_calculator_really_calculates(user: Any) -> None:
    crew_id = await user.crew("What is 6 * 7?", model="offline", tools=["calculator"])
    job_id = await user.start(crew_id)
    events = await user.watch(job_id)
    result = next(event for event in events if event["type"] == "tool_result")
    assert "42" in result["result"]
    assert any("offline" in event.get("action", "") for event in events)
    assert "42" in events[-1]["result"]


async def test_an_answer_cut_at_its_length_is_gone_on_with(user: Any) -> None:
    job_id = await user.start(await user.crew("Please finish:length", model="gpt-4"))
    events = await user.watch(job_id)
    calls = [event for event in events if event["type"] == "llm_call"]
    assert [call["finish_reason"] for call in calls] == ["length", "stop"]
    assert events[-1]["result"] == "The answer is ready."


async def test_an_answer_that_is_filtered_is_none(user: Any) -> None:
    job_id = await user.start(await user.crew("Please finish:content_filter", model="gpt-4"))
    events = await user.watch(job_id)
    assert events[-1]["code"] == "CONTENT_FILTERED"
    assert sum(event["type"] == "llm_call" for event in events) == 1
    told = await user.call("GET", f"/executions/{job_id}", expect=200)
    assert told["status"] == "failed"
    assert told["usage"]["requests"] == 1


async def test_a_provider_that_is_busy_is_waited_for_in_sight(user: Any) -> None:
    job_id = await user.start(await user.crew("Please flaky:waited", model="gpt-4"))
    events = await user.watch(job_id)
    [warning] = [event for event in events if event["type"] == "warning"]
    assert warning["code"] == "MODEL_WAITING"
    assert "busy" in warning["message"]
    assert events[-1]["type"] == "execution_complete"
    told = await user.call("GET", f"/executions/{job_id}", expect=200)
    assert told["usage"]["requests"] == 2
