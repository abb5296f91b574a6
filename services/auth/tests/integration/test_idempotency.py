"""Idempotency-Key on accounts, members and API keys, over real HTTP and stores."""

import asyncio
from datetime import timedelta

import pytest

KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'
ANN = {"email": "ann@example.com", "password": "first_password", "name": "Ann"}
MEMBER = {"email": "bea@example.com", "role": "admin"}
API_KEY = {"name": "ci", "role": "editor"}


@pytest.fixture
def database(store_database):
    return store_database("auth")


@pytest.fixture
def post(client):
    """Return status, body and whether it was replayed."""

    async def send(path, body, token="", key=KEY):
        headers = {"Idempotency-Key": key} if key else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with client.running.http.post(path, json=body, headers=headers) as answer:
            return answer.status, await answer.json(), "Idempotency-Replayed" in answer.headers

    return send


CREATING = [
    ("/auth/register", ANN, {**ANN, "password": "other_password"}),
    ("/workspace/members", MEMBER, {**MEMBER, "role": "viewer"}),
    ("/workspace/invitations", MEMBER, {**MEMBER, "role": "viewer"}),
    ("/auth/api-keys", API_KEY, {**API_KEY, "role": "admin"}),
]


@pytest.mark.parametrize(("path", "body", "other"), CREATING)
async def test_a_repeated_request_gets_the_first_answer_and_another_body_none(
    client, post, path, body, other
):
    owner = await client.owner()
    first = await post(path, body, owner)
    assert (first[0], first[2]) == (201, False)
    assert await post(path, body, owner) == (201, first[1], True)
    status, told, _ = await post(path, other, owner)
    assert (status, told["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert await post(path, body, owner, key=KEY.strip('"')) == (201, first[1], True)
    status, told, _ = await post(path, body, owner, key="two words")
    assert (status, told["error"]["details"]["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize(("path", "body", "other"), CREATING)
async def test_of_many_requests_at_once_one_creates(client, post, database, path, body, other):
    owner = await client.owner()
    answers = await asyncio.gather(*(post(path, body, owner) for _ in range(8)))
    assert {status for status, _, _ in answers} == {201}
    assert all(told == answers[0][1] for _, told, _ in answers)
    assert [replayed for _, _, replayed in answers].count(False) == 1
    users = 2 if path == "/auth/register" else 1
    assert await database["users"].count_documents({}) == users
    assert await database["workspaces"].count_documents({"members.0": {"$exists": True}}) == (
        2 if path == "/auth/register" else 1
    )


@pytest.mark.parametrize(("path", "body", "other"), CREATING)
async def test_a_day_later_the_key_is_new(client, post, database, path, body, other):
    owner = await client.owner()
    await post(path, body, owner)
    for name in ("users", "workspaces", "api_keys"):
        async for document in database[name].find({"idempotency.key": {"$exists": True}}):
            for entry in document["idempotency"]:
                entry["until"] -= timedelta(days=1)
            await database[name].replace_one({"_id": document["_id"]}, document)
    changed = {**other, "email": f"new.{other['email']}"} if "email" in other else other
    status, _, replayed = await post(path, changed, owner)
    assert (status, replayed) == (201, False)
    status, _, _ = await post(path, body, owner)
    if "email" in other:  # its key is of another body now, but for an account a key of its own
        assert status == (201 if path == "/auth/register" else 422)


async def test_a_replayed_api_key_works_and_is_the_only_one(client, post):
    owner = await client.owner()
    _, first, _ = await post("/auth/api-keys", API_KEY, owner)
    _, again, _ = await post("/auth/api-keys", API_KEY, owner)
    assert again["key"] == first["key"]
    assert (await client.exchange(again["key"]))["access_token"]
    assert (await client.call("GET", "/auth/api-keys", token=owner))["total"] == 1


async def test_a_revoked_api_key_is_replayed_but_dead(client, post):
    owner = await client.owner()
    _, first, _ = await post("/auth/api-keys", API_KEY, owner)
    await client.call("DELETE", f"/auth/api-keys/{first['id']}", token=owner, expect=204)
    assert await post("/auth/api-keys", API_KEY, owner) == (201, first, True)
    await client.exchange(first["key"], expect=401)


async def test_an_api_keys_secret_goes_to_its_maker_alone(client, post):
    owner = await client.owner()
    me = await client.call("GET", "/auth/me", token=owner)
    await client.join(owner, "bea@example.com", "admin")
    workspace_id = me["workspace"]["id"]
    bea = await client.login("bea@example.com", workspace_id=workspace_id)
    await post("/auth/api-keys", API_KEY, owner)
    status, told, _ = await post("/auth/api-keys", API_KEY, bea["access_token"])
    assert status == 422
    assert "kasal_" not in str(told)


async def test_the_store_never_holds_a_secret_or_a_key_in_a_readable_form(client, post, database):
    owner = await client.owner()
    _, made, _ = await post("/auth/api-keys", API_KEY, owner)
    await post("/auth/register", ANN)
    held = [
        repr(document)
        for name in ("users", "workspaces", "api_keys")
        async for document in database[name].find()
    ]
    assert any("idempotency" in one for one in held)
    for secret in (made["key"], ANN["password"], KEY.strip('"')):
        assert secret not in "".join(held)


async def test_strangers_keys_do_not_meet_when_they_register(client, post):
    ann, bea = [await post("/auth/register", {**ANN, "email": one}) for one in ("a@x.de", "b@x.de")]
    assert (ann[0], bea[0], bea[2]) == (201, 201, False)
    assert ann[1]["id"] != bea[1]["id"]
    again = await post("/auth/register", {**ANN, "email": "A@X.de"})
    assert again[0] == 422  # the same account, whose address is written in another way
    taken = await post("/auth/register", {**ANN, "email": "a@x.de"}, key="another")
    assert (taken[0], taken[2]) == (201, False)
    assert taken[1]["id"] != ann[1]["id"]
    assert await post("/auth/register", {**ANN, "email": "a@x.de"}, key="another") == (
        201,
        taken[1],
        True,
    )
    other = {**ANN, "email": "a@x.de", "password": "other_password"}
    assert (await post("/auth/register", other, key="another"))[0] == 422


async def test_a_withdrawn_invitation_is_not_made_anew_by_a_late_repetition(client, post):
    owner = await client.owner()
    _, made, _ = await post("/workspace/invitations", MEMBER, owner)
    await client.call("DELETE", f"/workspace/invitations/{made['id']}", token=owner, expect=204)
    assert await post("/workspace/invitations", MEMBER, owner) == (201, made, True)
    assert (await client.call("GET", "/workspace/invitations", token=owner))["total"] == 0
    accepted = {"token": made["token"], "password": "first_password"}
    await client.call("POST", "/auth/invitations/accept", accepted, expect=400)


async def test_a_replayed_secret_is_stored_by_no_cache(client):
    owner = await client.owner()
    headers = {"Idempotency-Key": "k", "Authorization": f"Bearer {owner}"}
    for path, body in (("/auth/api-keys", API_KEY), ("/workspace/invitations", MEMBER)):
        for replayed in (None, "true"):
            async with client.running.http.post(path, json=body, headers=headers) as answer:
                assert answer.headers.get("Idempotency-Replayed") == replayed
                assert answer.headers["Cache-Control"] == "no-store"
