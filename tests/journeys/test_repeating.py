"""Requests are sent again with their Idempotency-Key, whatever happened to the first of them."""

import asyncio
import json
import secrets
from typing import Any

import aio_pika
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGENT = {"role": "Research Agent", "goal": "Find things out", "model": "offline"}
OTHERWISE: dict[str, Any] = {
    "/auth/register": {"password": "another password"},
    "/workspace/members": {"role": "editor"},
    "/workspace/invitations": {"role": "editor"},
    "/auth/api-keys": {"role": "viewer"},
    "/crews": {"name": "Another crew"},
    "/agents": {"goal": "Find nothing out"},
    "/tasks": {"description": "Sing it"},
    "/tools/custom": {"name": "another_tool"},
    "/executions": {"inputs": {"topic": "coffee"}},
}
"""What makes each body another one."""


async def _bodies(user: Any) -> dict[str, Any]:
    """Return a body for each route that creates something."""
    crew_id = await user.crew("Say hello")
    agents = (await user.call("GET", f"/agents?crew_id={crew_id}", expect=200))["agents"]
    task = {"agent_id": agents[0]["id"], "description": "Say it", "expected_output": "A text"}
    tool = {"name": "a_tool", "description": "d", "endpoint": "https://example.com/"}
    somebody = {"email": f"{secrets.token_hex(6)}@example.com", "password": "a long password"}
    return {
        "/auth/register": somebody,
        "/workspace/members": {"email": f"member.{somebody['email']}", "role": "viewer"},
        "/workspace/invitations": {"email": f"guest.{somebody['email']}", "role": "viewer"},
        "/auth/api-keys": {"name": "ci"},
        "/crews": {"name": "A crew", "process": "sequential", "agents": [AGENT]},
        "/agents": {"crew_id": crew_id, **AGENT},
        "/tasks": task,
        "/tools/custom": {**tool, "auth_type": "none"},
        "/executions": {"crew_id": crew_id, "inputs": {"topic": "tea"}},
    }


async def _post(user: Any, path: str, body: Any, key: str) -> tuple[Any, int, str | None]:
    told = await user.call("POST", path, body, headers={"Idempotency-Key": f'"{key}"'})
    return told, user.answer.status, user.answer.headers.get("Idempotency-Replayed")


async def test_every_route_that_creates_answers_a_repetition_with_its_first_answer(
    user: Any,
) -> None:
    for path, body in (await _bodies(user)).items():
        key = secrets.token_hex(8)
        told, status, replayed = await _post(user, path, body, key)
        assert (status in {201, 202}, replayed) == (True, None), (path, told)
        assert await _post(user, path, body, key) == (told, status, "true"), path
        other = {**body, **OTHERWISE[path]}
        refused, status, replayed = await _post(user, path, other, key)
        assert (status, replayed) == (422, None), (path, refused)
        assert refused["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("form", ["stack"], indirect=True, scope="session")
async def test_one_job_by_the_api_and_by_the_bus_runs_once(user: Any, platform: Any) -> None:
    crew_id = await user.crew("Then hold:repeated", model="gpt-4")
    workspace_id = (await user.call("GET", "/auth/me"))["workspace"]["id"]
    body = {"crew_id": crew_id, "inputs": {}}
    key = secrets.token_hex(8)
    answers = await asyncio.gather(*(_post(user, "/executions", body, key) for _ in range(5)))
    job_id = answers[0][0]["job_id"]
    assert {told["job_id"] for told, _, _ in answers} == {job_id}
    message = {"job_id": job_id, "workspace_id": workspace_id, **body, "requested_by": "journey"}
    connection = await aio_pika.connect(platform.amqp_url)
    async with connection:
        channel = await connection.channel()

        async def publish() -> None:
            sent = json.dumps(message).encode()
            await channel.default_exchange.publish(
                aio_pika.Message(sent, content_type="application/json", type="job.submitted.v1"),
                "jobs",
            )

        await asyncio.gather(publish(), publish())
        await platform.model.held("repeated")
        await publish()
        platform.model.release("repeated")
        events = await user.watch(job_id)
        await publish()
    assert await _post(user, "/executions", body, key) == (answers[0][0], 202, "true")
    kinds = [event["type"] for event in events]
    assert kinds.count("execution_start") == kinds.count("task_start") == 1
    assert kinds[-1] == "execution_complete"
    assert await user.watch(job_id) == events
    listed = await user.call("GET", f"/executions?crew_id={crew_id}", expect=200)
    assert listed["total"] == 1
    asked = [call for call in platform.model.calls if "hold:repeated" in json.dumps(call)]
    assert len(asked) == 1


async def _answered(user: Any, path: str, body: Any, key: str) -> Any:
    """Send the request until it is answered, as a client does that wants it done once."""
    async with asyncio.timeout(120):
        while True:
            async with user.http.post(
                user.platform.base + path,
                json=body,
                headers={**user.headers, "Idempotency-Key": key},
            ) as answer:
                told = await answer.json()
            if answer.status < 300:
                return told
            assert answer.status in {503, 504}, told
            await asyncio.sleep(0.05)  # what the client waits between two attempts


@pytest.mark.parametrize("form", ["stack"], indirect=True, scope="session")
@pytest.mark.parametrize(
    ("service", "path", "listed"),
    [("executor", "/executions", "executions"), ("crews", "/crews", "crews")],
)
async def test_a_killed_service_creates_each_thing_once(
    user: Any, platform: Any, service: str, path: str, listed: str
) -> None:
    body = (await _bodies(user))[path]

    async def there() -> set[str]:
        # The total may be older than the list for half a minute after a crash.
        told = await user.call("GET", f"/{listed}?page_size=100", expect=200)
        return {one.get("job_id") or one["id"] for one in told[listed]}

    before = await there()
    keys = [secrets.token_hex(8) for _ in range(40)]
    slots = asyncio.Semaphore(6)

    async def ask(key: str) -> Any:
        async with slots:
            return await _answered(user, path, body, key)

    asking = [asyncio.create_task(ask(key)) for key in keys]
    for answered in (3, 15, 27):
        while sum(task.done() for task in asking) < answered:
            waiting = [task for task in asking if not task.done()]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for name in platform.stack.names_of(service):
            await platform.stack.kill(name)
            await platform.stack.start(name)
    answers = await asyncio.gather(*asking)
    assert [await _answered(user, path, body, key) for key in keys] == answers
    ids = {told.get("job_id") or told["id"] for told in answers}
    assert len(ids) == len(keys)
    assert await there() == before | ids
