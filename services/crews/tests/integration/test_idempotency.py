"""Idempotency-Key on what crews creates, as a caller meets it."""

import asyncio
from datetime import timedelta

import pytest

from common.times import utc_now

KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'


@pytest.fixture
def database(store_database):
    return store_database("crews")


@pytest.fixture
async def bodies(service, crew_body):
    """A body for each route that creates something."""
    crew_id, agent_id, _ = await service.crew(process="sequential")
    return {
        "/crews": crew_body,
        "/agents": {"crew_id": crew_id, "role": "Analyst", "goal": "Find out", "model": "gpt-4"},
        "/tasks": {"agent_id": agent_id, "description": "Do it", "expected_output": "It"},
        "/tools/custom": {
            "name": "salesforce",
            "description": "Query",
            "endpoint": "https://api.example.com/",
            "auth_type": "bearer",
            "credentials": {"token": "a token of that system"},
        },
    }


PLURALS = {"/crews": "crews", "/agents": "agents", "/tasks": "tasks", "/tools/custom": "tools"}
ROUTES = list(PLURALS)


async def count(service, route):
    return (await service.call("GET", route.removesuffix("/custom"), expect=200))["total"]


async def age(database, **by):
    """Have all receipts run out so much earlier."""
    for name in ("crews", "tools"):
        async for document in database[name].find({"idempotency.key": {"$exists": True}}):
            for entry in document["idempotency"]:
                entry["until"] -= timedelta(**by)
            await database[name].replace_one({"_id": document["_id"]}, document)


def changed(body):
    name = next(one for one in ("name", "goal", "description") if one in body)
    return {**body, name: f"{body[name]}_changed"}


@pytest.mark.parametrize("route", ROUTES)
async def test_a_repeated_request_creates_nothing_more(service, bodies, route):
    first = await service.call("POST", route, bodies[route], expect=201, Idempotency_Key=KEY)
    assert "idempotency-replayed" not in service.headers
    there = await count(service, route)
    for spelling in (KEY, KEY.strip('"')):
        again = await service.call(
            "POST", route, bodies[route], expect=201, Idempotency_Key=spelling
        )
        assert again == first
        assert service.headers["idempotency-replayed"] == "true"
        assert service.headers["content-type"] == "application/json"
    assert await count(service, route) == there


@pytest.mark.parametrize("route", ROUTES)
async def test_another_body_is_refused(service, bodies, route):
    await service.call("POST", route, bodies[route], expect=201, Idempotency_Key=KEY)
    there = await count(service, route)
    other = changed(bodies[route])
    told = await service.call("POST", route, other, expect=422, Idempotency_Key=KEY)
    assert told["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert told["error"]["details"]["field"] == "Idempotency-Key"
    assert await count(service, route) == there


@pytest.mark.parametrize("route", ROUTES)
async def test_of_many_requests_at_once_one_creates(service, bodies, route):
    before = await count(service, route)

    async def attempt():
        headers = {"Authorization": f"Bearer {service.make_token(role='owner')}"}
        async with service.http.post(
            route, json=bodies[route], headers={**headers, "Idempotency-Key": KEY}
        ) as answer:
            return answer.status, await answer.text(), answer.headers.get("Idempotency-Replayed")

    answers = await asyncio.gather(*(attempt() for _ in range(12)))
    assert {status for status, _, _ in answers} == {201}
    assert len({text for _, text, _ in answers}) == 1
    assert [replayed for _, _, replayed in answers].count(None) == 1
    assert await count(service, route) == before + 1


async def test_a_key_counts_on_its_route_and_in_its_workspace_only(service, bodies, crew_body):
    for route in ROUTES:
        await service.call("POST", route, bodies[route], expect=201, Idempotency_Key=KEY)
        assert "idempotency-replayed" not in service.headers
    other = service.as_(workspace_id="ws_other")
    for body in (crew_body, crew_body):
        await other.call("POST", "/crews", body, expect=201, Idempotency_Key=KEY)
    assert other.headers["idempotency-replayed"] == "true"
    assert await count(other, "/crews") == 1


@pytest.mark.parametrize("route", ["/crews", "/tools/custom"])
async def test_what_was_deleted_does_not_come_back(service, bodies, database, route):
    first = await service.call("POST", route, bodies[route], expect=201, Idempotency_Key=KEY)
    path = f"{route}/{first.get('id') or first['tool_id']}"
    await service.call("DELETE", path, expect=204)
    there = await count(service, route)
    again = await service.call("POST", route, bodies[route], expect=201, Idempotency_Key=KEY)
    assert (again, service.headers["idempotency-replayed"]) == (first, "true")
    await service.call("GET", path, expect=404)
    await service.call("DELETE", path, expect=404)
    assert await count(service, route) == there
    stored = database["crews" if route == "/crews" else "tools"]
    left = await stored.find_one({"_id": path.rpartition("/")[2]}, {"idempotency": 0})
    assert bodies[route]["name"] not in repr(left)  # only the receipt is left of it
    await service.call("POST", route, bodies[route], expect=201)


async def test_what_was_in_a_deleted_crew_does_not_come_back(service, bodies):
    made = {}
    for route in ("/agents", "/tasks"):
        made[route] = await service.call(
            "POST", route, bodies[route], expect=201, Idempotency_Key=KEY
        )
    await service.call("DELETE", f"/tasks/{made['/tasks']['id']}", expect=204)
    for crew_there in (True, False):
        for route, first in made.items():
            again = await service.call(
                "POST", route, bodies[route], expect=201, Idempotency_Key=KEY
            )
            assert (again, service.headers["idempotency-replayed"]) == (first, "true")
        crew_id = bodies["/agents"]["crew_id"]
        await service.call("DELETE", f"/crews/{crew_id}", expect=204 if crew_there else 404)
    await service.call("POST", "/agents", bodies["/agents"], expect=404)


async def test_two_crews_can_be_deleted_that_have_receipts(service, crew_body):
    for key in ("one", "two"):
        made = await service.call("POST", "/crews", crew_body, expect=201, Idempotency_Key=key)
        await service.call("DELETE", f"/crews/{made['id']}", expect=204)
    assert await service.call("GET", "/crews", expect=200) == {
        "crews": [],
        "total": 0,
        "next": None,
        "page": 1,
        "page_size": 20,
    }


async def test_two_tools_can_be_deleted_that_have_receipts(service, bodies):
    for key in ("one", "two"):
        made = await service.call(
            "POST", "/tools/custom", bodies["/tools/custom"], expect=201, Idempotency_Key=key
        )
        await service.call("DELETE", f"/tools/custom/{made['tool_id']}", expect=204)


async def test_a_change_of_the_crew_keeps_its_receipts_and_they_move_no_etag(service, bodies):
    crew_id = bodies["/agents"]["crew_id"]
    await service.call("POST", "/agents", bodies["/agents"], expect=201, Idempotency_Key=KEY)
    await service.call("PUT", f"/crews/{crew_id}", {"name": "Other"}, expect=200)
    await service.call("GET", f"/crews/{crew_id}", expect=200)
    tag = service.headers["etag"]
    await service.call("POST", "/agents", bodies["/agents"], expect=201, Idempotency_Key=KEY)
    assert service.headers["idempotency-replayed"] == "true"
    await service.call("GET", f"/crews/{crew_id}", expect=200)
    assert service.headers["etag"] == tag


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("swept", [False, True])
async def test_a_day_later_the_key_is_new(service, bodies, database, route, swept):
    await service.call("POST", route, bodies[route], expect=201, Idempotency_Key=KEY)
    there = await count(service, route)
    await age(database, hours=24)
    if swept:
        await service.app.state.use_cases.crews.forget(utc_now())
        await service.app.state.use_cases.tools.forget(utc_now())
        for name in ("crews", "tools"):
            assert await database[name].find_one({"idempotency": {"$exists": True}}) is None
    other = changed(bodies[route])
    await service.call("POST", route, other, expect=201, Idempotency_Key=KEY)
    assert "idempotency-replayed" not in service.headers
    assert await count(service, route) == there + 1
    await service.call("POST", route, other, expect=201, Idempotency_Key=KEY)
    assert service.headers["idempotency-replayed"] == "true"


async def test_a_refused_request_leaves_its_key_free(service, bodies, crew_body):
    nobody = {**crew_body, "agents": []}
    await service.call("POST", "/crews", nobody, expect=400, Idempotency_Key=KEY)
    missing = {**bodies["/agents"], "crew_id": "crew_nothing"}
    await service.call("POST", "/agents", missing, expect=404, Idempotency_Key=KEY)
    await service.call("POST", "/crews", crew_body, expect=201, Idempotency_Key=KEY)
    await service.call("POST", "/agents", bodies["/agents"], expect=201, Idempotency_Key=KEY)
    assert "idempotency-replayed" not in service.headers


async def test_a_replay_needs_the_role_that_the_request_needed(service, crew_body):
    await service.call("POST", "/crews", crew_body, expect=201, Idempotency_Key=KEY)
    viewer = service.as_(role="viewer")
    await viewer.call("POST", "/crews", crew_body, expect=403, Idempotency_Key=KEY)


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "two words", '"open', "a,b"])
async def test_a_malformed_key_is_a_400(service, crew_body, key):
    told = await service.call("POST", "/crews", crew_body, expect=400, Idempotency_Key=key)
    assert told["error"]["code"] == "VALIDATION_ERROR"
    assert told["error"]["details"]["field"] == "Idempotency-Key"
    assert await count(service, "/crews") == 0


async def test_two_keys_are_a_400(service, crew_body):
    headers = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    headers.append(("Authorization", f"Bearer {service.make_token(role='owner')}"))
    async with service.http.post("/crews", json=crew_body, headers=headers) as answer:
        assert answer.status == 400


async def test_the_store_holds_neither_the_key_nor_the_credentials(service, bodies, database):
    body = bodies["/tools/custom"]
    await service.call("POST", "/tools/custom", body, expect=201, Idempotency_Key="my-own-key")
    held = repr(await database["tools"].find_one({}))
    assert "my-own-key" not in held
    assert "a token of that system" not in held


async def test_the_demo_crew_comes_back_where_a_deleted_one_left_receipts(service):
    demo = service.app.state.demo
    await demo.ensure("ws_test")
    agent = {"crew_id": "crew_abc123", "role": "r", "goal": "g", "model": "gpt-4"}
    first = await service.call("POST", "/agents", agent, expect=201, Idempotency_Key=KEY)
    await service.call("DELETE", "/crews/crew_abc123", expect=204)
    await demo.ensure("ws_test")
    crew = await service.call("GET", "/crews/crew_abc123", expect=200)
    assert len(crew["agents"]) == 3
    assert await count(service, "/crews") == 1
    again = await service.call("POST", "/agents", agent, expect=201, Idempotency_Key=KEY)
    assert (again, service.headers["idempotency-replayed"]) == (first, "true")
