"""Nothing of another workspace can be seen, guessed or counted."""

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_strangers_ids_answer_404_everywhere(user: Any, stranger: Any) -> None:
    crew_id = await user.crew("Say hello")
    job_id = await user.start(crew_id)
    await user.finished(job_id)
    agent_id = (await user.call("GET", "/agents"))["agents"][0]["id"]
    task_id = (await user.call("GET", "/tasks"))["tasks"][0]["id"]
    calls: list[tuple[str, str, Any]] = [
        ("GET", f"/crews/{crew_id}", None),
        ("PUT", f"/crews/{crew_id}", {"name": "Mine"}),
        ("DELETE", f"/crews/{crew_id}", None),
        ("GET", f"/agents/{agent_id}", None),
        ("GET", f"/tasks/{task_id}", None),
        ("POST", "/agents", {"crew_id": crew_id, "role": "r", "goal": "g", "model": "offline"}),
        ("POST", "/tasks", {"agent_id": agent_id, "description": "d", "expected_output": "e"}),
        ("POST", "/executions", {"crew_id": crew_id, "inputs": {}}),
        ("GET", f"/executions/{job_id}", None),
        ("GET", f"/executions/{job_id}/traces", None),
        ("GET", f"/executions/{job_id}/events", None),
        ("POST", f"/executions/{job_id}/stop", None),
        ("GET", f"/memory/{crew_id}", None),
        ("POST", f"/memory/{crew_id}/clear", {"type": "all"}),
    ]
    for method, path, body in calls:
        told = await stranger.call(method, path, body, expect=404)
        assert told["error"]["code"] == "NOT_FOUND", path
    for path, plural in (("/crews", "crews"), ("/agents", "agents"), ("/executions", "executions")):
        listed = await stranger.call("GET", path, expect=200)
        assert (listed[plural], listed["total"]) == ([], 0)
    async with stranger.socket() as socket:
        await socket.send_json({"type": "subscribe", "job_id": job_id})
        told = await socket.receive_json()
        assert (told["type"], told["code"]) == ("error", "NOT_FOUND")


async def test_internal_routes_are_not_reachable(user: Any) -> None:
    for path in ("/internal/executions/heads", "/auth/../internal/revocations", "//internal/x"):
        await user.call("GET", path, expect=404)
