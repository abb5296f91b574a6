"""The seed's login, refresh and logout over real HTTP, and everything around them."""

import asyncio

import jwt
import pytest

from common.client import ServiceClient
from common.errors import Unauthorized
from common.keys import RemoteKeys
from common.tokens import TokenVerifier


async def test_the_seeds_examples(client):
    told = await client.call(
        "POST",
        "/auth/register",
        {"email": "user@example.com", "password": "secure_password", "name": "Ann"},
        expect=201,
    )
    assert set(told) == {"id", "email", "workspace_id"}

    login = await client.login("user@example.com")
    assert set(login) == {
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "refresh_expires_in",
    }
    assert login["access_token"].startswith("eyJ0eXAi")
    assert (login["token_type"], login["expires_in"]) == ("bearer", 86_400)

    refreshed = await client.call(
        "POST", "/auth/refresh", {"refresh_token": login["refresh_token"]}
    )
    assert set(refreshed) == {"access_token", "expires_in", "token_type", "refresh_token"}
    assert refreshed["expires_in"] == 86_400

    me = await client.call("GET", "/auth/me", token=refreshed["access_token"])
    assert me == {
        "id": told["id"],
        "email": "user@example.com",
        "name": "Ann",
        "role": "owner",
        "workspace": {"id": told["workspace_id"], "name": "Ann's workspace", "tier": "free"},
    }

    assert (
        await client.call("POST", "/auth/logout", token=refreshed["access_token"], expect=204)
        is None
    )
    await client.call(
        "POST", "/auth/refresh", {"refresh_token": refreshed["refresh_token"]}, expect=401
    )


async def test_answers_that_hold_a_token_are_stored_by_no_cache(client):
    credentials = {"email": "user@example.com", "password": "secure_password"}
    await client.call("POST", "/auth/register", credentials, expect=201)
    async with client.running.http.post("/auth/login", json=credentials) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        tokens = await answer.json()
    refreshing = {"refresh_token": tokens["refresh_token"]}
    async with client.running.http.post("/auth/refresh", json=refreshing) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    async with client.running.http.post(
        "/auth/api-keys", json={"name": "k"}, headers=bearer
    ) as answer:
        assert answer.status == 201
        assert answer.headers["Cache-Control"] == "no-store"


async def test_an_old_refresh_token_ends_the_session_everywhere(client):
    await client.register("user@example.com")
    first = (await client.login("user@example.com"))["refresh_token"]
    second = await client.call("POST", "/auth/refresh", {"refresh_token": first})
    third = await client.call("POST", "/auth/refresh", {"refresh_token": second["refresh_token"]})

    await client.call("POST", "/auth/refresh", {"refresh_token": first}, expect=401)

    await client.call(
        "POST", "/auth/refresh", {"refresh_token": third["refresh_token"]}, expect=401
    )
    session_id = first.partition(".")[0]
    assert [one["session_id"] for one in await client.revocations()] == [session_id]


async def test_parallel_refreshes_over_the_real_store_all_get_a_token(client):
    await client.register("user@example.com")
    first = {"refresh_token": (await client.login("user@example.com"))["refresh_token"]}
    told = await asyncio.gather(*(client.call("POST", "/auth/refresh", first) for _ in range(6)))
    assert len({one["refresh_token"] for one in told}) == 6
    assert await client.revocations() == []


async def test_a_logout_while_refreshing_wins(client):
    await client.register("user@example.com")
    for _ in range(5):
        login = await client.login("user@example.com")
        body = {"refresh_token": login["refresh_token"]}

        async def refresh(body=body):
            async with client.running.http.post("/auth/refresh", json=body) as answer:
                return answer.status, await answer.json()

        (status, told), _ = await asyncio.gather(
            refresh(),
            client.call("POST", "/auth/logout", token=login["access_token"], expect=204),
        )
        assert status in {200, 401}
        left = told["refresh_token"] if status == 200 else login["refresh_token"]
        await client.call("POST", "/auth/refresh", {"refresh_token": left}, expect=401)


@pytest.mark.parametrize("body", [None, {}, {"refresh_token": None}, {"refresh_token": "x"}])
async def test_logout_takes_a_body_or_none(client, body):
    token = await client.owner()
    await client.call("POST", "/auth/logout", body, token=token, expect=204)
    assert len(await client.revocations()) == 1


async def test_a_taken_address_is_a_conflict_in_any_case(client):
    await client.register("user@example.com")
    body = {"email": "USER@Example.COM", "password": "another_password"}
    told = await client.call("POST", "/auth/register", body, expect=409)
    assert told["error"]["code"] == "CONFLICT"
    assert told["error"]["details"]["field"] == "email"


async def test_of_many_registrations_at_once_one_wins(client):
    async def register():
        body = {"email": "user@example.com", "password": "secure_password"}
        async with client.running.http.post("/auth/register", json=body) as answer:
            return answer.status

    told = await asyncio.gather(*(register() for _ in range(6)))
    assert sorted(told) == [201, 409, 409, 409, 409, 409]
    login = await client.login("user@example.com")
    await client.call("GET", "/auth/me", token=login["access_token"])


async def test_wrong_and_unknown_are_told_the_same(client):
    await client.register("user@example.com")
    said = []
    for email in ("user@example.com", "nobody@example.com"):
        body = {"email": email, "password": "wrong"}
        told = (await client.call("POST", "/auth/login", body, expect=401))["error"]
        said.append((told["code"], told["message"], told["details"]))
    assert said[0] == said[1]
    assert said[0][0] == "UNAUTHORIZED"


async def test_guessing_is_limited_by_account(client):
    await client.register("user@example.com")
    wrong = {"email": "user@example.com", "password": "wrong"}
    for _ in range(10):
        await client.call("POST", "/auth/login", wrong, expect=401)
    right = {"email": "User@example.com", "password": "secure_password"}
    async with client.running.http.post("/auth/login", json=right) as answer:
        assert answer.status == 429
        assert 800 < int(answer.headers["Retry-After"]) <= 900
        assert (await answer.json())["error"]["code"] == "RATE_LIMIT"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "no address", "password": "secure_password"}, "email"),
        ({"email": "a@b.local", "password": "short"}, "password"),
        ({"email": "a@b.local", "password": "x" * 201}, "password"),
        ({"email": "a@b.local"}, "password"),
        ({"email": "a@b.local", "password": "secure_password", "admin": True}, "admin"),
    ],
)
async def test_what_does_not_fit_is_named(client, body, field):
    told = await client.call("POST", "/auth/register", body, expect=400)
    assert told["error"]["details"]["field"] == field


async def test_registration_can_be_switched_off(start):
    async with start(registration=False) as client:
        body = {"email": "user@example.com", "password": "secure_password"}
        await client.call("POST", "/auth/register", body, expect=403)


async def test_another_service_checks_tokens_by_the_key_set(client):
    token = await client.owner()
    async with ServiceClient("auth", client.running.url) as auth:
        verifier = TokenVerifier(RemoteKeys(auth))
        identity = await verifier.verify(token)
        assert identity.workspace_id.startswith("ws_")
        head, claims, signature = token.split(".")
        for forged in (
            f"{head}.{claims}.{signature[:-4]}AAAA",
            jwt.encode({"sub": identity.user_id}, "a key of somebody else's, long enough", "HS256"),
        ):
            with pytest.raises(Unauthorized):
                await verifier.verify(forged)


async def test_two_processes_starting_at_once_agree_on_one_key(start):
    async with start() as one, start() as other:
        sets = await asyncio.gather(
            *(c.call("GET", "/.well-known/jwks.json") for c in (one, other))
        )
        assert sets[0] == sets[1]
        assert len(sets[0]["keys"]) == 1
        token = await one.owner()
        await other.call("GET", "/auth/me", token=token)


async def test_tokens_and_refresh_tokens_survive_a_restart(start):
    async with start() as client:
        await client.register("user@example.com")
        login = await client.login("user@example.com")
    async with start() as client:
        await client.call("GET", "/auth/me", token=login["access_token"])
        await client.call("POST", "/auth/refresh", {"refresh_token": login["refresh_token"]})


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "kasal_x"])
async def test_without_a_token_of_ours_nothing_is_told(client, token):
    for method, path in (
        ("GET", "/auth/me"),
        ("POST", "/auth/logout"),
        ("GET", "/auth/api-keys"),
        ("GET", "/workspace/members"),
        ("GET", "/internal/revocations"),
        ("GET", "/internal/workspaces/ws_x/plan"),
    ):
        await client.call(method, path, token=token, expect=401)


async def test_a_session_of_a_newer_version_is_not_written_over(client, mongo_database):
    await client.register("user@example.com")
    told = await client.login("user@example.com")
    sessions = mongo_database("auth")["sessions"]
    await sessions.update_one({}, {"$set": {"format": 99, "device": "what only newer code knows"}})
    before = await sessions.find_one()
    refused = await client.call(
        "POST", "/auth/refresh", {"refresh_token": told["refresh_token"]}, expect=503
    )
    assert "written by a newer version of Kasal" in refused["error"]["message"]
    assert await sessions.find_one() == before


async def test_a_workspace_of_a_newer_version_is_not_written_over(client, mongo_database):
    token = await client.owner()
    workspaces = mongo_database("auth")["workspaces"]
    newer = {"$set": {"format": 99, "members.0.team": "what only newer code knows"}}
    await workspaces.update_many({}, newer)
    before = await workspaces.find().to_list()
    body = {"email": "new@example.com", "password": "a long password", "role": "viewer"}
    refused = await client.call("POST", "/workspace/members", body, token=token, expect=503)
    assert "written by a newer version of Kasal" in refused["error"]["message"]
    assert await workspaces.find().to_list() == before
