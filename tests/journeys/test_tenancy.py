"""Nothing of another workspace can be seen, guessed or counted."""

from typing import Any

import aiohttp
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
    async with stranger.connect() as socket:
        await socket.send_json({"type": "subscribe", "job_id": job_id})
        told = await socket.receive_json()
        assert (told["type"], told["code"]) == ("error", "NOT_FOUND")


async def test_internal_routes_are_not_reachable(user: Any) -> None:
    for path in ("/internal/executions/heads", "/auth/../internal/revocations", "//internal/x"):
        await user.call("GET", path, expect=404)


async def _code(user: Any, path: str, body: Any) -> int:
    await user.call("POST", path, body)
    return int(user.answer.status)


async def test_an_invitation_end_to_end_leads_in_and_ones_own_workspace_stays_home(
    user: Any, stranger: Any
) -> None:
    crew_id = await user.crew("Say hello")
    theirs = (await user.call("GET", "/auth/me", expect=200))["workspace"]["id"]
    mine = (await stranger.call("GET", "/auth/me", expect=200))["workspace"]["id"]
    body = {"email": stranger.email.upper(), "role": "editor"}
    invited = await user.call("POST", "/workspace/invitations", body, expect=201)
    assert user.answer.headers["Cache-Control"] == "no-store"
    members = (await user.call("GET", "/workspace/members", expect=200))["members"]
    assert [one["email"] for one in members] == [user.email]

    token = {"token": invited["token"]}
    accepted = await stranger.call("POST", "/auth/invitations/accept", token, expect=200)
    assert (accepted["workspace"]["id"], accepted["role"]) == (theirs, "editor")
    await stranger.login()
    assert (await stranger.call("GET", "/auth/me"))["workspace"]["id"] == mine
    await stranger.call("GET", f"/crews/{crew_id}", expect=404)
    there = await stranger.call("POST", "/auth/switch", {"workspace_id": theirs}, expect=200)
    stranger.token = there["access_token"]
    await stranger.call("GET", f"/crews/{crew_id}", expect=200)
    await stranger.call("DELETE", f"/workspace/members/{accepted['id']}", expect=204)
    await stranger.call("GET", f"/crews/{crew_id}", expect=401)


async def test_nobody_captures_anothers_login_or_gets_into_anothers_workspace(
    user: Any, stranger: Any
) -> None:
    """`user` is a company, `stranger` first the victim, then who registered the address first."""
    chosen = "the company's choice"
    assert (
        await _code(
            user,
            "/workspace/members",
            {"email": stranger.email, "role": "admin", "password": chosen},
        )
        == 409
    )
    body = {"email": stranger.email, "role": "admin"}
    invited = await user.call("POST", "/workspace/members", body, expect=201)
    # The inviter holds the token, and yet neither sets a password nor comes in as the other.
    assert await _code(user, "/auth/invitations/accept", {"token": invited["token"]}) == 403
    user.token = ""
    capture = {"token": invited["token"], "password": chosen}
    assert await _code(user, "/auth/invitations/accept", capture) == 401
    assert await _code(user, "/auth/login", {"email": stranger.email, "password": chosen}) == 401
    await user.login()
    # Who holds the address, but not the token, is no member and lands at home.
    await stranger.login()
    workspaces = await stranger.call("GET", "/auth/workspaces", expect=200)
    assert workspaces["total"] == 1
    theirs = (await user.call("GET", "/auth/me", expect=200))["workspace"]["id"]
    assert await _code(stranger, "/auth/switch", {"workspace_id": theirs}) == 404
    forged = {"token": f"{theirs}.{invited['id']}.made-up"}
    assert await _code(stranger, "/auth/invitations/accept", forged) == 400


async def test_an_api_key_works_at_once_with_its_makers_new_role(user: Any, stranger: Any) -> None:
    theirs = (await user.call("GET", "/auth/me", expect=200))["workspace"]["id"]
    body = {"email": stranger.email, "role": "admin"}
    invited = await user.call("POST", "/workspace/invitations", body, expect=201)
    member = await stranger.call(
        "POST", "/auth/invitations/accept", {"token": invited["token"]}, expect=200
    )
    told = await stranger.call("POST", "/auth/switch", {"workspace_id": theirs}, expect=200)
    before = stranger.token = told["access_token"]
    key = await stranger.call("POST", "/auth/api-keys", {"name": "ci", "role": "admin"}, expect=201)
    stranger.token = key["key"]
    for role in ("viewer", "editor", "admin", "viewer"):
        assert (await stranger.call("GET", "/auth/me", expect=200))["role"] is not None
        await user.call("PUT", f"/workspace/members/{member['id']}", {"role": role}, expect=200)
        assert (await stranger.call("GET", "/auth/me", expect=200))["role"] == role
        async with stranger.connect() as socket:
            await socket.send_json({"type": "ping"})
            assert (await socket.receive_json())["type"] == "pong"
    stranger.token = before
    await stranger.call("GET", "/auth/me", expect=401)


async def test_a_stranger_who_guesses_waits_and_the_owner_logs_in(user: Any) -> None:
    there = aiohttp.TCPConnector(local_addr=("127.0.0.9", 0))
    guess = {"email": user.email, "password": "a guess"}
    async with aiohttp.ClientSession(connector=there) as http:
        stranger = type(user)(user.platform, http)
        for _ in range(10):
            await stranger.call("POST", "/auth/login", guess, expect=401)
        right = guess | {"password": user.password}
        told = await stranger.call("POST", "/auth/login", right, expect=429)
        assert told["error"]["code"] == "RATE_LIMIT"
        assert 0 < int(stranger.answer.headers["Retry-After"]) <= 30
        # What a client says of its address is not believed.
        elsewhere = {"X-Forwarded-For": "198.51.100.7", "X-Kasal-Service-Secret": "guess"}
        await stranger.call("POST", "/auth/login", right, headers=elsewhere, expect=429)
    await user.login()
