"""Crews at work: under a manager, with tools of the workspace's own, with what they remember."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_manager_hands_the_task_to_an_agent_and_answers(user: Any) -> None:
    crew = {
        "name": "Managed",
        "process": "hierarchical",
        "agents": [
            {
                "role": "Calculating Clerk",
                "goal": "Sums",
                "model": "offline",
                "tools": ["calculator"],
            },
            {"role": "Poet", "goal": "Verses", "model": "offline"},
        ],
        "tasks": [
            {
                "agent": "Calculating Clerk",
                "description": "What is 6 * 7?",
                "expected_output": "A number",
            }
        ],
        "configuration": {"manager_model": "offline"},
    }
    crew_id = (await user.call("POST", "/crews", crew, expect=201))["id"]
    events = await user.watch(await user.start(crew_id))
    assert events[-1]["type"] == "execution_complete"
    delegated = [event for event in events if event["type"] == "tool_call"]
    assert delegated[0]["action"] == "delegate_work"
    workers = {event["agent"] for event in events if event["type"] == "llm_call"}
    assert len(workers) == 2, "the manager and the agent"
    assert "42" in events[-1]["result"]


async def test_a_person_is_asked_and_answers(user: Any) -> None:
    crew_id = await user.crew("Propose a name")
    task_id = (await user.call("GET", f"/tasks?crew_id={crew_id}"))["tasks"][0]["id"]
    await user.call("PUT", f"/tasks/{task_id}", {"human_input": True}, expect=200)
    job_id = await user.start(crew_id)
    first = await asked(user, job_id)
    body = {"input": "No. Do not send this to anyone!", "question_id": first["question_id"]}
    await user.call("POST", f"/executions/{job_id}/input", body, expect=200)
    second = await asked(user, job_id, after=first)
    late = await user.call(
        "POST",
        f"/executions/{job_id}/input",
        {"outcome": "approved", "question_id": first["question_id"]},
        expect=409,
    )
    assert late["error"]["details"]["answer"]["input"] == body["input"]
    body = {"outcome": "approved", "question_id": second["question_id"]}
    await user.call("POST", f"/executions/{job_id}/input", body, expect=200)
    events = await user.watch(job_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events].count("task_start") == 1
    assert events[-1]["type"] == "execution_complete"
    assert events[-1]["result"] == second["answer"]
    answers = [event for event in events if event["type"] == "input_received"]
    assert [event["outcome"] for event in answers] == ["answered", "approved"]
    assert all(event["by"] for event in answers)
    done = await user.call("GET", f"/executions/{job_id}", expect=200)
    assert (done["status"], done["questions"]) == ("completed", [])


async def test_what_a_person_rejects_goes_no_further(user: Any) -> None:
    crew_id = await user.crew("Write to everyone")
    task_id = (await user.call("GET", f"/tasks?crew_id={crew_id}"))["tasks"][0]["id"]
    await user.call("PUT", f"/tasks/{task_id}", {"human_input": True}, expect=200)
    job_id = await user.start(crew_id)
    await asked(user, job_id)
    body = {"outcome": "rejected", "comment": "To nobody."}
    for _ in range(2):
        told = await user.call("POST", f"/executions/{job_id}/input", body, expect=200)
        assert told["status"] == "failed"
    events = await user.watch(job_id)
    assert (events[-1]["type"], events[-1]["code"]) == ("error", "REJECTED")
    assert events[-1]["comment"] == "To nobody."


async def asked(user: Any, job_id: str, after: Any = None) -> Any:
    """Return the question that a job waits for an answer to, the next one `after` another."""
    async with asyncio.timeout(20):
        while True:
            told = await user.call("GET", f"/executions/{job_id}", expect=200)
            for question in told["questions"]:
                if question["question_id"] != (after or {}).get("question_id"):
                    assert told["status"] == "waiting_for_input"
                    return question
            await asyncio.sleep(0.05)


async def test_the_next_run_reads_what_the_last_one_found(user: Any, platform: Any) -> None:
    crew_id = await user.crew("Tell of tea", model="gpt-4")
    await user.watch(await user.start(crew_id))
    async with asyncio.timeout(10):
        while not (await user.call("GET", f"/memory/{crew_id}"))["short_term"]:
            pass
    before = len(platform.model.calls)
    await user.watch(await user.start(crew_id))
    assert "The answer is ready." in str(platform.model.calls[before]["messages"])


async def test_estimates_come_from_past_runs(user: Any) -> None:
    crew_id = await user.crew("Say hello")
    await user.watch(await user.start(crew_id))
    body = {"crew_id": crew_id, "inputs": {}}
    async with asyncio.timeout(10):
        while True:
            told = await user.call("POST", "/executions", body, expect=202)
            if told["estimated_duration"] < 300:
                break


class Api:
    """An HTTP API of the user's own, on loopback: what a custom tool calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], Any]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.calls.append((dict(request.headers), await request.json()))
        return web.json_response({"found": "three accounts"})


@pytest_asyncio.fixture(loop_scope="session")
async def api() -> Any:
    api = Api()
    app = web.Application()
    app.router.add_post("/query", api.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    api.url = f"http://127.0.0.1:{port}/query"
    yield api
    await runner.cleanup()


async def test_a_tool_never_reaches_a_private_address(user: Any, api: Api) -> None:
    tool = {
        "name": "accounts",
        "description": "Finds accounts",
        "endpoint": api.url,
        "auth_type": "bearer",
        "credentials": {"token": "top secret"},
    }
    await user.call("POST", "/tools/custom", tool, expect=201)
    crew_id = await user.crew('Use call:accounts:{"q": 1}', model="gpt-4", tools=["accounts"])
    events = await user.watch(await user.start(crew_id))
    result = next(event for event in events if event["type"] == "tool_result")
    assert result["result"].startswith("Error:")
    assert api.calls == []
    assert events[-1]["type"] == "execution_complete"
    assert "top secret" not in str(events)
