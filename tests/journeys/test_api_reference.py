"""Every example of the API document, sent as it is printed there."""

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

CREW = {
    "name": "Marketing Crew",
    "description": "Content generation team",
    "process": "hierarchical",
    "agents": [
        {"role": "Content Writer", "goal": "Create engaging content", "model": "gpt-4"},
    ],
}


def is_time(text: str) -> bool:
    assert text.endswith("Z"), text
    datetime.fromisoformat(text)
    return True


async def test_login_refresh_and_logout(user: Any) -> None:
    told = await user.login()
    assert told["token_type"] == "bearer"
    assert told["expires_in"] == 86400
    assert told["access_token"].startswith("eyJ0eXAi")

    fresh = await user.call(
        "POST", "/auth/refresh", {"refresh_token": told["refresh_token"]}, expect=200
    )
    assert fresh["expires_in"] == 86400
    user.token = fresh["access_token"]
    await user.call("GET", "/crews", expect=200)

    await user.call("POST", "/auth/logout", expect=204)
    refused = await user.call("GET", "/crews", expect=401)
    assert refused["error"]["code"] == "UNAUTHORIZED"


async def test_crews(user: Any) -> None:
    made = await user.call("POST", "/crews", CREW, expect=201)
    assert made["name"] == "Marketing Crew"
    assert made["status"] == "configuring"
    assert made["id"].startswith("crew_")

    listed = await user.call("GET", "/crews", expect=200)
    assert (listed["total"], listed["page"]) == (1, 1)
    assert listed["crews"][0]["agents_count"] == 1
    assert is_time(listed["crews"][0]["created_at"])

    path = f"/crews/{made['id']}"
    changes = {"name": "Updated Crew Name", "process": "sequential"}
    assert await user.call("PUT", path, changes, expect=200) == {"id": made["id"], "updated": True}
    crew = await user.call("GET", path, expect=200)
    assert (crew["name"], crew["process"]) == ("Updated Crew Name", "sequential")
    assert crew["agents"][0]["role"] == "Content Writer"
    assert crew["tasks"] == []
    assert isinstance(crew["configuration"], dict)

    await user.call("DELETE", path, expect=204)
    await user.call("GET", path, expect=404)


async def test_a_crew_without_agents_is_the_documents_own_error(user: Any) -> None:
    told = await user.call("POST", "/crews", {**CREW, "agents": []}, expect=400)
    assert told["error"]["code"] == "VALIDATION_ERROR"
    assert told["error"]["message"] == "Invalid crew configuration"
    assert told["error"]["details"] == {
        "field": "agents",
        "reason": "At least one agent required",
    }


async def test_agents_and_tasks(user: Any) -> None:
    crew_id = (await user.call("POST", "/crews", CREW, expect=201))["id"]
    agent = {
        "crew_id": crew_id,
        "role": "Data Analyst",
        "goal": "Analyze metrics",
        "backstory": "Expert analyst with 10 years experience",
        "model": "claude-3-opus",
        "tools": ["web_search", "calculator"],
    }
    made = await user.call("POST", "/agents", agent, expect=201)
    assert made["status"] == "created"
    listed = (await user.call("GET", "/agents", expect=200))["agents"]
    ours = next(entry for entry in listed if entry["id"] == made["id"])
    assert ours["crew_id"] == crew_id
    assert ours["model"] == "claude-3-opus"
    assert ours["status"] == "ready"
    assert ours["name"] == "Data Analyst"

    task = {
        "agent_id": made["id"],
        "description": "Analyze competitor pricing",
        "expected_output": "Markdown report",
        "context": ["Previous analysis from Q3"],
    }
    created = await user.call("POST", "/tasks", task, expect=201)
    assert created["status"] == "created"
    tasks = (await user.call("GET", f"/tasks?crew_id={crew_id}", expect=200))["tasks"]
    assert tasks[0]["description"] == "Analyze competitor pricing"
    assert tasks[0]["agent_id"] == made["id"]


async def test_tools_and_memory(user: Any) -> None:
    tools = (await user.call("GET", "/tools", expect=200))["tools"]
    by_name = {tool["name"]: tool for tool in tools}
    assert by_name["web_search"]["description"] == "Search the web"
    assert by_name["web_search"]["category"] == "research"
    assert by_name["file_reader"]["description"] == "Read files"
    assert by_name["file_reader"]["category"] == "data"

    tool = {
        "name": "salesforce_api",
        "description": "Query Salesforce data",
        "endpoint": "https://api.example.com/salesforce",
        "auth_type": "bearer",
    }
    registered = await user.call("POST", "/tools/custom", tool, expect=201)
    assert registered["status"] == "registered"
    assert registered["tool_id"].startswith("tool_custom_")

    crew_id = await user.crew("Find out what {topic} costs")
    job_id = await user.start(crew_id, topic="tea")
    assert (await user.finished(job_id))["status"] == "completed"
    memory = await user.call("GET", f"/memory/{crew_id}", expect=200)
    assert set(memory) == {"short_term", "long_term"}
    for kind in ("short_term", "long_term", "all"):
        await user.call("POST", f"/memory/{crew_id}/clear", {"type": kind}, expect=204)
    emptied = await user.call("GET", f"/memory/{crew_id}", expect=200)
    assert emptied == {"short_term": [], "long_term": []}


async def test_executions(user: Any) -> None:
    crew_id = await user.crew("Write about {topic} until {deadline}", "Sum it up")
    inputs = {"topic": "Q4 Marketing Strategy", "deadline": "2024-12-31"}
    started = await user.call(
        "POST", "/executions", {"crew_id": crew_id, "inputs": inputs}, expect=202
    )
    assert started["status"] == "queued"
    assert started["estimated_duration"] == 300
    job_id = started["job_id"]
    assert job_id.startswith("job_")

    told = await user.finished(job_id)
    assert told["job_id"] == job_id
    assert told["status"] == "completed"
    assert told["progress"] == 100
    assert "current_task" in told
    assert is_time(told["started_at"])
    assert [task["status"] for task in told["tasks"]] == ["completed", "completed"]

    traces = (await user.call("GET", f"/executions/{job_id}/traces", expect=200))["traces"]
    assert [row["seq"] for row in traces] == list(range(1, len(traces) + 1))
    assert all({"timestamp", "agent", "action", "result"} <= set(row) for row in traces)
    assert is_time(traces[0]["timestamp"])

    refused = await user.call("POST", f"/executions/{job_id}/stop", expect=409)
    assert refused["error"]["code"] == "CONFLICT"


async def test_the_websocket_client_of_the_document(user: Any) -> None:
    crew_id = await user.crew("Say hello")
    job_id = await user.start(crew_id)
    async with user.connect() as socket:
        await socket.send_str(json.dumps({"type": "subscribe", "job_id": job_id}))
        first = await socket.receive_json()
        assert first["type"] == "subscribed"
        assert first["job_id"] == job_id
        kinds: dict[str, dict[str, Any]] = {}
        while "execution_complete" not in kinds:
            event = await socket.receive_json()
            kinds[event["type"]] = event
    assert kinds["task_start"]["agent"] == "Research Agent"
    assert kinds["task_start"]["task_id"] == kinds["task_complete"]["task_id"]
    assert kinds["task_complete"]["result"]


async def test_analytics(user: Any) -> None:
    crew_id = await user.crew("Say hello")
    job_id = await user.start(crew_id)
    ended = await user.finished(job_id)
    month = ended["started_at"][:7]
    usage = await _counted(user, f"/analytics/usage?period={month}")
    assert usage["period"] == month
    assert usage["executions"] == 1
    assert usage["tokens_used"] > 0
    assert usage["success_rate"] in {1, 100}
    performance = await user.call("GET", "/analytics/performance", expect=200)
    assert performance["crews"][0]["crew_id"] == crew_id
    assert performance["crews"][0]["executions"] == 1


async def _counted(user: Any, path: str) -> Any:
    """Return the usage once it counts something: a job is counted just after it has ended."""
    async with asyncio.timeout(60):
        while not (usage := await user.call("GET", path, expect=200))["executions"]:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        return usage


async def test_the_sandbox(visitor: Any) -> None:
    visitor.token = "SANDBOX_TOKEN"
    made = await visitor.call("POST", "/crews", CREW, expect=201)
    await visitor.call("DELETE", f"/crews/{made['id']}", expect=204)


async def test_the_demo_has_the_documents_own_ids(platform: Any, visitor: Any) -> None:
    if platform.form != "embedded":
        await visitor.call("GET", "/crews/crew_abc123", expect=401)
        return
    visitor.email, visitor.password = "user@example.com", "secure_password"
    await visitor.login()
    crew = await visitor.call("GET", "/crews/crew_abc123", expect=200)
    assert crew["name"] == "Customer Support Crew"
    assert len(crew["agents"]) == 3
    agents = (await visitor.call("GET", "/agents", expect=200))["agents"]
    research = next(agent for agent in agents if agent["id"] == "agent_001")
    assert research["name"] == "Research Agent"
    assert research["crew_id"] == "crew_abc123"
    assert research["model"] == "gpt-4"
    tasks = (await visitor.call("GET", "/tasks", expect=200))["tasks"]
    assert any(task["id"] == "task_001" for task in tasks)
    job = await visitor.call("GET", "/executions/job_qwerty123", expect=200)
    assert job["status"] == "completed"
    started = await visitor.call(
        "POST",
        "/executions",
        {
            "crew_id": "crew_abc123",
            "inputs": {"topic": "Q4 Marketing Strategy", "deadline": "2024-12-31"},
        },
        expect=202,
    )
    assert (await visitor.finished(started["job_id"]))["status"] == "completed"


async def test_both_prefixes(user: Any) -> None:
    answer = await user.http.get(user.platform.root + "/v1/crews", headers=user.headers)
    assert answer.status == 200
    answer = await user.http.get(user.platform.root + "/v2/crews", headers=user.headers)
    assert answer.status == 404
    assert (await answer.json())["error"]["code"] == "NOT_FOUND"
