"""The API's login, refresh and logout over real HTTP, and everything around them."""

import asyncio
import os
import sys

import jwt
import pytest

from auth.store.migrations import accounts_by_lower_case
from auth.wiring import reset_token
from common.client import ServiceClient
from common.errors import Unauthorized
from common.security.keys import RemoteKeys
from common.security.tokens import TokenVerifier
from common.settings import MongoSettings
from devkit.databases import ON_MONGO

SERVICE_SECRET = "a secret that the services share"


async def test_the_seeds_examples(client):
    told = await client.call(
        "POST",
        "/auth/register",
        {"email": "user@example.com", "password": "secure_password", "name": "Ann"},
        expect=201,
    )
    assert set(told) == {"id", "email", "workspace_id"}

    login = await client.login("user@example.com")
    tokens = {"access_token", "token_type", "expires_in", "refresh_token"}
    assert set(login) == {*tokens, "refresh_expires_in"}
    assert login["access_token"].startswith("eyJ0eXAi")
    assert (login["token_type"], login["expires_in"]) == ("bearer", 86_400)

    refreshed = await client.call(
        "POST", "/auth/refresh", {"refresh_token": login["refresh_token"]}
    )
    assert set(refreshed) == tokens
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


async def test_a_taken_address_is_answered_like_a_free_one_and_opens_nothing(
    client, store_database
):
    first = await client.register("user@example.com")
    body = {"email": "USER@Example.COM", "password": "another_password"}
    told = await client.call("POST", "/auth/register", body, expect=201)
    free = await client.register("free@example.com")
    assert set(told) == set(free)
    assert told["email"] == "USER@example.com"
    for name in ("id", "workspace_id"):
        assert told[name] != first[name]
        assert len(told[name]) == len(free[name])
    await client.call("POST", "/auth/login", body, expect=401)
    await client.login("user@example.com")
    assert await store_database("auth")["users"].count_documents({}) == 2


async def test_of_many_registrations_at_once_one_wins(client, store_database):
    async def register(number):
        body = {"email": "user@example.com", "password": f"secure_password {number}"}
        async with client.running.http.post("/auth/register", json=body) as answer:
            return answer.status, (await answer.json())["id"]

    told = await asyncio.gather(*(register(number) for number in range(6)))
    assert {status for status, _ in told} == {201}
    (user,) = await store_database("auth")["users"].find().to_list()
    winner = [one for _, one in told].index(user["_id"])
    login = await client.login("user@example.com", f"secure_password {winner}")
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


async def test_a_stranger_waits_and_the_owner_does_not(client):
    """The gateway tells where somebody is, and proves by the services' secret that it is the gateway."""
    gateway = {"X-Kasal-Service-Secret": SERVICE_SECRET}

    async def login(password, address, headers=gateway):
        body = {"email": "User@example.com", "password": password}
        told = {**headers, "X-Forwarded-For": address}
        async with client.running.http.post("/auth/login", json=body, headers=told) as answer:
            return answer.status, int(answer.headers.get("Retry-After", 0))

    home = {**gateway, "X-Forwarded-For": "2001:db8:1:1::1"}
    body = {"email": "user@example.com", "password": "secure_password"}
    await client.call("POST", "/auth/register", body, headers=home, expect=201)
    for number in range(10):
        assert await login("wrong", f"2001:db8:2:2::{number}") == (401, 0)  # one network
    status, wait = await login("secure_password", "2001:db8:2:2:9::9")
    assert (status, 0 < wait <= 30) == (429, True)
    assert await login("secure_password", "2001:db8:1:1::2") == (200, 0)
    for number in range(10):  # what anybody else says of addresses is not believed
        assert (await login("wrong", f"198.51.100.{number}", {}))[0] == 401
    assert (await login("secure_password", "198.51.100.77", {}))[0] == 429


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


async def test_two_tabs_that_refresh_at_once_both_go_on(client, store_database):
    await client.register("user@example.com")

    async def refresh(token):
        body = {"refresh_token": token}
        return (await client.call("POST", "/auth/refresh", body))["refresh_token"]

    first = (await client.login("user@example.com"))["refresh_token"]
    tabs = await asyncio.gather(refresh(first), refresh(first))
    for _ in range(3):
        tabs = await asyncio.gather(*map(refresh, tabs))
    assert await client.revocations() == []
    (session,) = await store_database("auth")["sessions"].find().to_list()
    assert (session["format"], len(session["unused"])) == (2, 2)
    await client.call("POST", "/auth/refresh", {"refresh_token": first}, expect=401)
    for tab in tabs:
        await client.call("POST", "/auth/refresh", {"refresh_token": tab}, expect=401)


async def test_passwords_are_changed(client):
    await client.register("user@example.com")
    login, other = [await client.login("user@example.com") for _ in range(2)]
    mine = login["access_token"]
    body = {"current_password": "secure_password", "new_password": "a new password"}
    await client.call(
        "POST", "/auth/password", {**body, "current_password": "wrong"}, token=mine, expect=400
    )
    await client.call(
        "POST", "/auth/password", {**body, "new_password": "x"}, token=mine, expect=400
    )
    await client.call("POST", "/auth/password", body, token=mine, expect=204)
    await client.call("GET", "/auth/me", token=mine)
    await client.call("POST", "/auth/refresh", {"refresh_token": login["refresh_token"]})
    ended = {"refresh_token": other["refresh_token"]}
    await client.call("POST", "/auth/refresh", ended, expect=401)
    assert [one["session_id"] for one in await client.revocations()] == [
        other["refresh_token"].partition(".")[0]
    ]


@ON_MONGO  # another process opens the database beside the service
async def test_a_password_is_reset_with_an_operators_token(client, store_database):
    await client.register("user@example.com")
    token = await reset_token(MongoSettings(**client.mongo), "USER@example.com")
    reset = {"token": token, "password": "a third password"}
    await client.call("POST", "/auth/password/reset", reset, expect=204)
    await client.call("POST", "/auth/password/reset", reset, expect=400)
    await client.login("user@example.com", "a third password")
    shut_out = [one["user_id"] for one in await client.revocations() if one["user_id"]]
    (user,) = await store_database("auth")["users"].find().to_list()
    assert shut_out == [user["_id"]]
    told = [
        await client.call("POST", "/auth/password/forgot", {"email": email}, expect=202)
        for email in ("user@example.com", "nobody@example.com")
    ]
    assert told[0] == told[1]


@ON_MONGO
async def test_an_operator_prints_a_token_for_a_new_password(client):
    await client.register("user@example.com")

    async def verb(email, **more):
        given = {"MONGO_URL": client.mongo["mongo_url"], **more}
        given["MONGO_DATABASE_PREFIX"] = client.mongo["mongo_database_prefix"]
        environment = os.environ | {f"KASAL_{name}": value for name, value in given.items()}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "auth", "reset-password", email),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        told, faults = await process.communicate()
        return process.returncode, told.decode(), faults.decode()

    code, told, _ = await verb("USER@example.com")
    assert code == 0
    reset = {"token": told.splitlines()[0], "password": "a new password"}
    await client.call("POST", "/auth/password/reset", reset, expect=204)
    await client.login("user@example.com", "a new password")
    code, _, faults = await verb("nobody@example.com")
    assert (code, faults) == (1, "There is no account of nobody@example.com.\n")
    away = {"MONGO_URL": "mongodb://127.0.0.1:1/", "MONGO_TIMEOUT_MS": "200"}
    code, _, faults = await verb("user@example.com", **away)
    assert (code, faults.startswith("The database does not answer")) == (1, True)


async def test_accounts_of_before_are_told_apart_by_lower_case_after_the_migration(store_database):
    users = store_database("auth")["users"]
    await users.insert_many(
        [
            {"_id": "usr_1", "email": "Stra\u00dfe@x.de", "account": "strasse@x.de"},
            {"_id": "usr_2", "email": "Ann@x.de", "account": "ann@x.de"},
        ]
    )
    await accounts_by_lower_case(store_database("auth"))
    assert [one["account"] for one in await users.find().sort("_id", 1).to_list()] == [
        "stra\u00dfe@x.de",
        "ann@x.de",
    ]


async def test_a_session_of_a_newer_version_is_not_written_over(client, store_database):
    await client.register("user@example.com")
    told = await client.login("user@example.com")
    sessions = store_database("auth")["sessions"]
    await sessions.update_one({}, {"$set": {"format": 99, "device": "what only newer code knows"}})
    before = await sessions.find_one()
    refused = await client.call(
        "POST", "/auth/refresh", {"refresh_token": told["refresh_token"]}, expect=503
    )
    assert "written by a newer version of Kasal" in refused["error"]["message"]
    assert await sessions.find_one() == before


async def test_a_workspace_of_a_newer_version_is_not_written_over(client, store_database):
    token = await client.owner()
    workspaces = store_database("auth")["workspaces"]
    newer = {"$set": {"format": 99, "members.0.team": "what only newer code knows"}}
    await workspaces.update_many({}, newer)
    before = await workspaces.find().to_list()
    body = {"email": "new@example.com", "role": "viewer"}
    refused = await client.call("POST", "/workspace/members", body, token=token, expect=503)
    assert "written by a newer version of Kasal" in refused["error"]["message"]
    assert await workspaces.find().to_list() == before
