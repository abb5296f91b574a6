"""Versions of crews over real stores, and over HTTP.

Covers: crews.store.versions, crews.routes.versions, crews.routes.version_bodies
"""

import asyncio
from typing import Any

import pytest

from common.times import utc_now
from crews.domain import versions as rules
from crews.domain.composition import new_crew
from crews.domain.crew import Crew
from crews.domain.crew_changes import change
from crews.domain.drafts import CrewDraft
from crews.store.crews import MongoCrews
from crews.store.migrations import indexes
from crews.store.totals import MongoTotals
from crews.store.versions import MongoVersions

ON_SQLITE = pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)
AGENT = {"role": "Writer", "goal": "Write", "model": "offline"}
SCHEMA = {"type": "object", "properties": {"a.b": {"$ref": "#"}}}
BODY = {
    "name": "Crew",
    "agents": [AGENT],
    "tasks": [{"description": "Write", "output_schema": SCHEMA, "guardrail": ["Be brief"]}],
}


class Held:
    """The stores of crews and of their versions in one database."""

    def __init__(self, database: Any) -> None:
        self.versions = MongoVersions(database)
        self.crews = MongoCrews(database, MongoTotals(database), self.versions, 10)

    async def crew(self) -> Crew:
        crew = new_crew(CrewDraft.model_validate(BODY), "ws_1", utc_now())
        await self.crews.add(crew)
        return await self.now(crew)

    async def now(self, crew: Crew) -> Crew:
        found = await self.crews.find("ws_1", crew.id)
        assert found is not None
        return found

    async def renamed(self, crew: Crew, name: str) -> Crew:
        assert await self.crews.replace(crew, change(crew, utc_now(), name=name))
        return await self.now(crew)


@pytest.fixture
async def held(store_database: Any) -> Held:
    database = store_database("crews")
    await indexes(database)
    return Held(database)


async def test_an_old_version_is_what_the_crew_was(held: Held) -> None:
    first = await held.crew()
    second = await held.renamed(first, "Renamed")
    assert await held.versions.find(second, 1) == first
    assert await held.versions.find(second, 2) is None
    assert [row.number for row in await held.versions.of(second)] == [1]


async def test_no_version_is_lost_between_writers(held: Held) -> None:
    crew = await held.crew()

    async def write(name: str) -> None:
        for n in range(5):
            while True:
                now = await held.now(crew)
                if await held.crews.replace(now, change(now, utc_now(), name=f"{name}{n}")):
                    break

    await asyncio.gather(write("a"), write("b"))
    newest = await held.now(crew)
    assert newest.version == 11
    assert [row.number for row in await held.versions.of(newest)] == list(range(10, 0, -1))
    olds = [await held.versions.find(newest, n) for n in range(2, 11)]
    names = [old.name for old in olds if old is not None] + [newest.name]
    for writer in "ab":
        assert [name for name in names if name.startswith(writer)] == [
            f"{writer}{n}" for n in range(5)
        ]


async def test_publishing_and_changing_leave_each_other_alone(held: Held) -> None:
    crew = await held.crew()
    await held.versions.keep(crew)
    assert await held.versions.mark_published(crew, utc_now())
    assert await held.crews.publish(crew, crew)
    after = await held.renamed(crew, "Renamed")
    assert (after.version, after.published_version) == (2, 1)
    await held.versions.keep(after)
    assert await held.crews.publish(after, after)
    assert not await held.crews.publish(after, None), "another version was published meanwhile"
    assert (await held.now(crew)).published_version == 2
    assert await held.crews.publish(await held.now(crew), None)
    assert (await held.now(crew)).published_version is None
    newest = await held.renamed(await held.now(crew), "Renamed again")
    assert not await held.versions.mark_published(newest, utc_now())


async def test_old_versions_make_room(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_KEPT", 3)
    crew = await held.crew()
    await held.versions.keep(crew)
    await held.versions.mark_published(crew, utc_now())
    for n in range(2, 17):
        crew = await held.renamed(crew, f"Name {n}")
    assert [row.number for row in await held.versions.of(crew)] == [15, 14, 13, 1]


async def test_a_crew_takes_its_versions_with_it(held: Held) -> None:
    first = await held.crew()
    second = await held.renamed(first, "Renamed")
    assert await held.crews.remove(second)
    await held.versions.remove(second)
    assert await held.versions.of(second) == []
    assert not await held.crews.replace(first, change(first, utc_now(), name="late"))
    assert await held.versions.of(second) == []
    assert not await held.crews.publish(second, first)


@ON_SQLITE
async def test_versions_over_http(service: Any) -> None:
    made = (await service.call("POST", "/crews", BODY, expect=201))["id"]
    path = f"/crews/{made}"
    await service.call("PUT", path, {"description": "Writes"}, expect=200)
    await service.call("PUT", path, {"description": "Writes"}, expect=200)
    crew = await service.call("GET", path, expect=200)
    assert (crew["version"], crew["published_version"]) == (2, None)
    assert service.headers["etag"] == '"v2"'

    told = await service.call("GET", f"{path}/versions?limit=1", expect=200)
    assert (told["total"], told["versions"][0]["version"]) == (2, 2)
    rest = await service.call("GET", f"{path}/versions?limit=1&after={told['next']}", expect=200)
    assert rest["versions"][0] | {"created_at": ""} == {
        "version": 1,
        "created_at": "",
        "name": "Crew",
        "status": "active",
        "agents_count": 1,
        "tasks_count": 1,
        "published": False,
        "published_at": None,
    }

    patch = await service.call("GET", f"{path}/versions/1/diff/2", expect=200)
    assert patch == [{"op": "replace", "path": "/description", "value": "Writes"}]
    assert service.headers["content-type"] == "application/json-patch+json"

    first = await service.call("GET", f"{path}/versions/1", expect=200)
    assert first["tasks"][0]["output_schema"] == SCHEMA
    await service.call("PUT", path, first, expect=200)
    assert (await service.call("GET", path, expect=200))["version"] == 3

    back = await service.call("POST", f"{path}/versions/2/restore", expect=200)
    assert back == {"id": made, "restored": 2, "version": 4}
    await service.call("POST", f"{path}/versions/1/restore", expect=412, If_Match='"v1"')


@ON_SQLITE
async def test_a_published_version_over_http(service: Any) -> None:
    tool = {"name": "own", "description": "d", "endpoint": "https://a.example"}
    tool_id = (await service.call("POST", "/tools/custom", tool, expect=201))["tool_id"]
    body = {**BODY, "agents": [{**AGENT, "tools": ["own"]}]}
    made = (await service.call("POST", "/crews", body, expect=201))["id"]
    path = f"/crews/{made}"
    told = await service.call("POST", f"{path}/versions/1/publish", expect=200)
    assert told == {"id": made, "published_version": 1}
    agent_id = (await service.call("GET", path, expect=200))["agents"][0]["id"]
    await service.call("PUT", f"/agents/{agent_id}", {"tools": []}, expect=200)

    peer = service.as_(kind="service")
    internal = f"/internal/crews/{made}/snapshot"
    assert (await peer.call("GET", internal, expect=200))["version"] == 1
    assert (await peer.call("GET", f"{internal}?version=2", expect=200))["version"] == 2
    await peer.call("GET", f"{internal}?version=3", expect=404)
    used = await service.call("DELETE", f"/tools/custom/{tool_id}", expect=409)
    assert used["error"]["details"]["crews"] == [made], "a published version needs it"

    await service.call("DELETE", f"{path}/versions/1/publish", expect=204)
    await service.call("DELETE", f"/tools/custom/{tool_id}", expect=204)
    assert (await peer.call("GET", internal, expect=200))["version"] == 2
    gone = await peer.call("GET", f"{internal}?version=1", expect=400)
    assert gone["error"]["details"]["field"] == "version"


@ON_SQLITE
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/versions"),
        ("GET", "/versions/1"),
        ("GET", "/versions/1/diff/1"),
        ("POST", "/versions/1/restore"),
        ("POST", "/versions/1/publish"),
        ("DELETE", "/versions/1/publish"),
    ],
)
async def test_another_workspace_sees_no_version(service: Any, method: str, path: str) -> None:
    made = (await service.call("POST", "/crews", BODY, expect=201))["id"]
    other = service.as_(workspace_id="ws_other")
    await other.call(method, f"/crews/{made}{path}", expect=404)
