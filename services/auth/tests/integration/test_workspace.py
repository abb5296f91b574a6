"""Members, API keys, plans and what the other services ask, over real HTTP and stores."""

import asyncio

import pytest


async def test_a_member_is_invited_joins_is_changed_and_removed(client):
    owner = await client.owner()
    body = {"email": "b@example.com", "role": "editor", "name": "B"}
    invited = await client.call("POST", "/workspace/invitations", body, token=owner, expect=201)
    assert (invited["status"], invited["mailed"], invited["role"]) == ("invited", False, "editor")
    listed = await client.call("GET", "/workspace/invitations", token=owner)
    shown = {name: invited[name] for name in invited if name not in {"token", "mailed"}}
    assert (listed["invitations"], listed["total"]) == ([shown], 1)
    accepted = {"token": invited["token"], "password": "first_password"}
    joined = await client.call("POST", "/auth/invitations/accept", accepted)
    assert (joined["name"], joined["role"]) == ("B", "editor")
    again = await client.call("POST", "/workspace/invitations", body, token=owner, expect=409)
    assert again["error"]["code"] == "CONFLICT"
    assert (await client.call("GET", "/workspace/invitations", token=owner))["total"] == 0

    login = await client.login("b@example.com", "first_password")
    path = f"/workspace/members/{joined['id']}"
    changed = await client.call("PUT", path, {"role": "viewer"}, token=owner)
    assert changed["role"] == "viewer"
    refreshed = await client.call(
        "POST", "/auth/refresh", {"refresh_token": login["refresh_token"]}
    )
    me = await client.call("GET", "/auth/me", token=refreshed["access_token"])
    assert me["role"] == "viewer"
    for refused in ("/workspace/members", "/workspace/invitations"):
        await client.call("POST", refused, body, token=refreshed["access_token"], expect=403)

    listed = await client.call("GET", "/workspace/members?page_size=1", token=owner)
    assert (listed["total"], listed["page"], listed["page_size"]) == (2, 1, 1)
    assert [one["email"] for one in listed["members"]] == ["b@example.com"]

    await client.call("DELETE", path, token=owner, expect=204)
    await client.call("DELETE", path, token=owner, expect=404)
    await client.call(
        "POST", "/auth/refresh", {"refresh_token": refreshed["refresh_token"]}, expect=401
    )
    (told,) = await client.revocations()
    assert (told["user_id"], told["session_id"]) == (joined["id"], None)


async def test_somebody_with_an_account_joins_by_their_login_and_keeps_their_own_workspace(client):
    owner = await client.owner()
    mine = await client.register("b@example.com", "their own password")
    invited = await client.call(
        "POST", "/workspace/members", {"email": "B@example.com"}, token=owner, expect=201
    )
    assert (invited["role"], invited["status"]) == ("editor", "invited")
    login = await client.login("b@example.com", "their own password")
    token = login["access_token"]
    accepted = await client.call(
        "POST", "/auth/invitations/accept", {"token": invited["token"]}, token=token
    )
    theirs = (await client.call("GET", "/auth/me", token=owner))["workspace"]["id"]
    assert (accepted["workspace"]["id"], accepted["role"]) == (theirs, "editor")

    again = await client.login("b@example.com", "their own password")
    me = await client.call("GET", "/auth/me", token=again["access_token"])
    assert me["workspace"]["id"] == mine["workspace_id"]
    listed = await client.call("GET", "/auth/workspaces", token=token)
    assert [(one["id"], one["role"], one["current"]) for one in listed["workspaces"]] == [
        (mine["workspace_id"], "owner", True),
        (theirs, "editor", False),
    ]
    switched = await client.call("POST", "/auth/switch", {"workspace_id": theirs}, token=token)
    assert set(switched) == set(login)
    there = await client.call("GET", "/auth/me", token=switched["access_token"])
    assert (there["workspace"]["id"], there["role"]) == (theirs, "editor")
    for foreign in ("ws_none", "ws_sandbox"):
        await client.call(
            "POST", "/auth/switch", {"workspace_id": foreign}, token=token, expect=404
        )
    leaving = f"/workspace/members/{me['id']}"
    await client.call("DELETE", leaving, token=switched["access_token"], expect=204)
    await client.call("DELETE", leaving, token=token, expect=409)  # one's own, as its last owner


@pytest.mark.parametrize("extra", [{}, {"password": "a long password"}])
async def test_adding_tells_nothing_of_whether_an_address_has_an_account(client, extra):
    owner = await client.owner()
    await client.register("known@example.com")
    told = []
    for email in ("known@example.com", "none@example.com"):
        body = {"email": email, "role": "editor", **extra}
        answer = await client.call(
            "POST", "/workspace/members", body, token=owner, expect=409 if extra else 201
        )
        for differing in ("id", "email", "token", "created_at", "expires_at"):
            answer.pop(differing, None)
        answer.get("error", {}).pop("request_id", None)
        told.append(answer)
    assert told[0] == told[1]
    assert (await client.call("GET", "/workspace/members", token=owner))["total"] == 1


async def test_a_password_nobody_asked_for_captures_no_account(client):
    attacker = await client.owner("attacker@example.com")
    await client.register("b@example.com", "their own password")
    body = {"email": "b@example.com", "role": "admin", "password": "the attacker's"}
    refused = await client.call("POST", "/workspace/members", body, token=attacker, expect=409)
    assert refused["error"]["details"]["field"] == "password"
    invited = await client.call(
        "POST", "/workspace/members", {"email": "b@example.com"}, token=attacker, expect=201
    )
    capture = {"token": invited["token"], "password": "the attacker's"}
    await client.call("POST", "/auth/invitations/accept", capture, expect=401)
    await client.call(
        "POST", "/auth/invitations/accept", {"token": invited["token"]}, token=attacker, expect=403
    )
    await client.call("POST", "/auth/invitations/accept", {"token": invited["token"]}, expect=400)
    credentials = {"email": "b@example.com", "password": "the attacker's"}
    await client.call("POST", "/auth/login", credentials, expect=401)
    await client.login("b@example.com", "their own password")


async def test_of_two_who_accept_at_once_one_joins(client):
    owner = await client.owner()
    body = {"email": "b@example.com", "role": "editor"}
    invited = await client.call("POST", "/workspace/invitations", body, token=owner, expect=201)

    async def accept():
        accepted = {"token": invited["token"], "password": "first_password"}
        async with client.running.http.post("/auth/invitations/accept", json=accepted) as answer:
            return answer.status

    told = await asyncio.gather(*(accept() for _ in range(5)))
    assert told.count(200) == 1
    assert set(told) <= {200, 400, 401, 409}
    assert (await client.call("GET", "/workspace/members", token=owner))["total"] == 2


async def test_tokens_of_invitations_are_not_in_the_store(client, store_database):
    owner = await client.owner()
    body = {"email": "b@example.com", "role": "editor"}
    invited = await client.call(
        "POST",
        "/workspace/invitations",
        body,
        token=owner,
        expect=201,
        headers={"Idempotency-Key": "a-key"},
    )
    held = repr(await store_database("auth")["workspaces"].find().to_list())
    assert invited["id"] in held
    assert invited["token"].rpartition(".")[2] not in held
    await client.call("DELETE", f"/workspace/invitations/{invited['id']}", token=owner, expect=204)
    await client.call("DELETE", f"/workspace/invitations/{invited['id']}", token=owner, expect=404)
    accepted = {"token": invited["token"], "password": "first_password"}
    refused = await client.call("POST", "/auth/invitations/accept", accepted, expect=400)
    assert refused["error"]["details"]["field"] == "token"


async def test_the_last_owner_stays(client):
    owner = await client.owner()
    me = await client.call("GET", "/auth/me", token=owner)
    path = f"/workspace/members/{me['id']}"
    await client.call("DELETE", path, token=owner, expect=409)
    await client.call("PUT", path, {"role": "admin"}, token=owner, expect=409)
    assert await client.revocations() == []


async def test_members_and_keys_of_another_workspace_are_not_found(client):
    owner, stranger = await client.owner("a@example.com"), await client.owner("b@example.com")
    me = await client.call("GET", "/auth/me", token=owner)
    key = await client.call("POST", "/auth/api-keys", {"name": "ci"}, token=owner, expect=201)
    path = f"/workspace/members/{me['id']}"
    await client.call("PUT", path, {"role": "viewer"}, token=stranger, expect=404)
    await client.call("DELETE", path, token=stranger, expect=404)
    await client.call("DELETE", f"/auth/api-keys/{key['id']}", token=stranger, expect=404)
    listed = await client.call("GET", "/auth/api-keys", token=stranger)
    assert (listed["api_keys"], listed["total"]) == ([], 0)


async def test_an_api_key_is_shown_once_works_and_is_revoked_at_once(client):
    owner = await client.owner()
    body = {"name": "ci", "role": "admin"}
    made = await client.call("POST", "/auth/api-keys", body, token=owner, expect=201)
    assert made["key"].startswith("kasal_")
    listed = await client.call("GET", "/auth/api-keys", token=owner)
    assert listed["api_keys"] == [{name: made[name] for name in made if name != "key"}]

    token = await client.exchange(made["key"])
    assert token["expires_in"] == 60
    me = await client.call("GET", "/auth/me", token=token["access_token"])
    assert me["role"] == "admin"
    await client.call("POST", "/auth/logout", token=token["access_token"], expect=403)

    await client.call("DELETE", f"/auth/api-keys/{made['id']}", token=owner, expect=204)
    await client.call("DELETE", f"/auth/api-keys/{made['id']}", token=owner, expect=404)
    await client.exchange(made["key"], expect=401)
    assert [one["session_id"] for one in await client.revocations()] == [made["id"]]
    assert (await client.call("GET", "/auth/api-keys", token=owner))["total"] == 0


async def test_the_plan_is_changed_by_owners_and_seen_by_services(client):
    owner = await client.owner()
    me = await client.call("GET", "/auth/me", token=owner)
    workspace_id = me["workspace"]["id"]
    path = f"/internal/workspaces/{workspace_id}/plan"
    token = await client.service_token(workspace_id)
    free = {"per_hour": 1_000, "per_minute": 100}
    assert (await client.call("GET", path, token=token))["limits"] == free

    await client.call("PUT", "/workspace/plan", {"tier": "enterprise"}, token=owner)
    expected = {"workspace_id": workspace_id, "tier": "enterprise", "limits": None}
    assert await client.call("GET", path, token=await client.service_token()) == expected

    bound = {"tier": "enterprise", "limits": {"per_hour": 9, "per_minute": 3}}
    assert (await client.call("PUT", "/workspace/plan", bound, token=owner))["limits"] == bound[
        "limits"
    ]
    wrong = {"tier": "pro", "limits": {"per_hour": 9, "per_minute": 3}}
    await client.call("PUT", "/workspace/plan", wrong, token=owner, expect=400)
    await client.call("PUT", "/workspace/plan", {"tier": "gold"}, token=owner, expect=400)


async def test_the_operator_decides_whether_plans_are_changed(start):
    async with start(plan_changes=False) as client:
        owner = await client.owner()
        await client.call("PUT", "/workspace/plan", {"tier": "pro"}, token=owner, expect=403)


async def test_internal_routes_are_for_services(client):
    owner = await client.owner()
    me = await client.call("GET", "/auth/me", token=owner)
    path = f"/internal/workspaces/{me['workspace']['id']}/plan"
    other = await client.service_token("ws_other")
    await client.call("GET", path, token=owner, expect=403)
    await client.call("GET", path, token=other, expect=403)
    await client.call(
        "GET", "/internal/workspaces/ws_none/plan", token=await client.service_token(), expect=404
    )
    await client.call("GET", "/internal/revocations", token=owner, expect=403)
    await client.call("GET", "/internal/revocations", token=other, expect=403)
    await client.call("GET", "/auth/me", token=other, expect=401)
    for secret in ({}, {"X-Kasal-Service-Secret": "wrong"}):
        body = {"service": "gateway", "workspace_id": "*"}
        await client.call("POST", "/internal/tokens/service", body, headers=secret, expect=403)
        await client.call(
            "POST", "/internal/tokens/exchange", {"token": "x"}, headers=secret, expect=403
        )


async def test_the_sandbox_token_is_accepted_where_it_is_set(client):
    token = (await client.exchange("SANDBOX_TOKEN"))["access_token"]
    me = await client.call("GET", "/auth/me", token=token)
    assert (me["workspace"]["id"], me["workspace"]["tier"], me["role"]) == (
        "ws_sandbox",
        "free",
        "admin",
    )
    await client.call("POST", "/auth/api-keys", {"name": "x"}, token=token, expect=403)


async def test_there_is_no_sandbox_unless_it_is_set(start):
    async with start(sandbox_token=None) as client:
        await client.exchange("SANDBOX_TOKEN", expect=401)


@pytest.mark.parametrize("role", ["root", "", None, 4])
async def test_only_the_four_roles_are_roles(client, role):
    owner = await client.owner()
    body = {"name": "ci", "role": role}
    told = await client.call("POST", "/auth/api-keys", body, token=owner, expect=400)
    assert told["error"]["details"]["field"] == "role"


async def test_lists_are_read_on_by_cursors_while_entries_come_and_go(client):
    owner = await client.owner()
    other = await client.owner("other@example.com")
    for name in "abc":
        await client.join(owner, f"{name}@example.com")
        body = {"email": f"{name}{name}@example.com", "role": "editor"}
        await client.call("POST", "/workspace/invitations", body, token=owner, expect=201)
        await client.call(
            "POST", "/auth/api-keys", {"name": name, "role": "viewer"}, token=owner, expect=201
        )
    for path, kind in {
        "/workspace/members": "members",
        "/workspace/invitations": "invitations",
        "/auth/api-keys": "api_keys",
        "/auth/workspaces": "workspaces",
    }.items():
        whole = await client.call("GET", path, token=owner)
        assert whole["next"] is None
        page = await client.call("GET", f"{path}?limit=1", token=owner)
        shown = page[kind]
        if kind == "workspaces":
            assert (shown, page["next"]) == (whole[kind], None)
            continue
        gone = whole[kind][0]["id"]  # where the first page ended; the owner is the oldest member
        await client.call("DELETE", f"{path}/{gone}", token=owner, expect=204)
        first = page["next"]
        while page["next"] is not None:
            page = await client.call("GET", f"{path}?limit=1&after={page['next']}", token=owner)
            shown += page[kind]
        assert shown == whole[kind], path
        for token, after in ((other, first), (owner, f"{first}x"), (owner, f"{first}&page=2")):
            refused = await client.call("GET", f"{path}?after={after}", token=token, expect=400)
            assert refused["error"]["code"] == "VALIDATION_ERROR"
