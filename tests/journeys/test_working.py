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
    async with asyncio.timeout(60):
        while True:
            told = await user.call("GET", f"/executions/{job_id}", expect=200)
            for question in told["questions"]:
                if question["question_id"] != (after or {}).get("question_id"):
                    assert told["status"] == "waiting_for_input"
                    return question
            await asyncio.sleep(0.05)


async def test_the_next_run_reads_what_the_last_one_found(user: Any, platform: Any) -> None:
    crew_id = await user.crew("Tell of tea", model="gpt-4")
    assert await _asked_again(user, platform, crew_id) is None, "nothing unless it is switched on"
    await user.remembers(crew_id)
    assert "The answer is ready." in str(await _asked_again(user, platform, crew_id, ""))


async def test_one_customers_words_never_reach_another(user: Any, platform: Any) -> None:
    crew_id = await user.crew("Answer {question}", model="gpt-4")
    await user.remembers(crew_id, "{customer_id}")
    refused = {"crew_id": crew_id, "inputs": {"question": "q"}}
    told = await user.call("POST", "/executions", refused, expect=400)
    assert told["error"]["details"]["field"] == "inputs.customer_id"
    refused["inputs"]["customer_id"] = " "
    told = await user.call("POST", "/executions", refused, expect=400)
    assert told["error"]["details"]["field"] == "inputs.customer_id"
    secret = {"question": "for IBAN DE02 1203", "customer_id": "1"}
    said = await _asked_again(user, platform, crew_id, "?key=1", **secret)
    assert "IBAN" in str(said)
    for stranger in (1, "2", "../1", "crew", f"{crew_id}/1", "1 "):
        before = len(platform.model.calls)
        inputs = {"question": "what", "customer_id": stranger}
        await user.watch(await user.start(crew_id, **inputs))
        assert "IBAN" not in str(platform.model.calls[before:]), stranger
    for which in ("scope=crew", "scope=workspace", "key=1&key_type=number", "key=2"):
        assert "IBAN" not in str(await user.call("GET", f"/memory/{crew_id}?{which}", expect=200))
    await user.call("DELETE", f"/memory/{crew_id}?key=1", expect=204)
    assert (await user.call("GET", f"/memory/{crew_id}?key=1"))["short_term"] == []


async def _asked_again(
    user: Any, platform: Any, crew_id: str, query: str | None = None, **inputs: Any
) -> Any:
    """Run a crew twice; return what the second run was told, None where nothing is kept.

    `query` says which memory the first run writes.
    """
    await user.watch(await user.start(crew_id, **inputs))
    if query is None:
        assert (await user.call("GET", f"/memory/{crew_id}"))["short_term"] == []
    else:
        async with asyncio.timeout(60):
            while not (await user.call("GET", f"/memory/{crew_id}{query}"))["short_term"]:
                pass
    before = len(platform.model.calls)
    await user.watch(await user.start(crew_id, **{**inputs, "question": "what"}))
    said = str(platform.model.calls[before]["messages"])
    return said if "The answer is ready." in said else None


async def test_estimates_come_from_past_runs(user: Any) -> None:
    crew_id = await user.crew("Say hello")
    await user.watch(await user.start(crew_id))
    body = {"crew_id": crew_id, "inputs": {}}
    async with asyncio.timeout(60):
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
