"""What is kept of a crew when it changes.

Covers: crews.domain.version_catalog
"""

from datetime import timedelta
from typing import Any

import pytest
from crews_testkit.faults import refused

from common.errors import Conflict, InvalidRequest, NotFound
from common.times import utc_now
from crews.domain.drafts import CrewChanges, CrewDraft
from crews.domain.tools import RegisteredTool
from crews.domain.versions import MOST_KEPT, MOST_PUBLISHED, VersionRow, too_many

WS = "ws_1"


async def made(world: Any, body: Any, *names: str) -> Any:
    """Make a crew, and change its name some times."""
    crew = await world.catalog.create(WS, CrewDraft(**body))
    for name in names:
        crew = await world.catalog.update(WS, crew.id, CrewChanges(name=name))
    return crew


async def test_every_change_makes_a_version_and_none_is_lost(world: Any, body: Any) -> None:
    crew = await made(world, body, "two", "three")
    newest, rows = await world.history.rows(WS, crew.id)
    assert [(row.number, row.name) for row in rows] == [
        (3, "three"),
        (2, "two"),
        (1, "Marketing Crew"),
    ]
    assert newest.version == 3
    assert (await world.history.find(WS, crew.id, 2)).name == "two"
    for gone in (4, 99):
        with pytest.raises(NotFound, match="1 to 3"):
            await world.history.find(WS, crew.id, gone)
    with pytest.raises(NotFound):
        await world.history.find("ws_2", crew.id, 1)


async def test_a_change_of_nothing_makes_no_version(world: Any, body: Any) -> None:
    crew = await made(world, body)
    same = await world.catalog.update(
        WS, crew.id, CrewChanges(name=crew.name, process=crew.process)
    )
    assert same == crew


async def test_a_restored_version_is_a_new_one(world: Any, body: Any) -> None:
    crew = await made(world, body, "two")
    tasks = [{"id": crew.tasks[0].id, "description": "Only this", "agent": 0}]
    await world.catalog.update(WS, crew.id, CrewChanges(tasks=tasks))
    back = await world.history.restore(WS, crew.id, 1)
    assert (back.version, back.name) == (4, "Marketing Crew")
    assert back.tasks == crew.tasks
    assert await world.history.diff(WS, crew.id, 1, 4) == []
    assert (await world.history.restore(WS, crew.id, 1)).version == 4


async def test_two_versions_are_compared(world: Any, body: Any) -> None:
    crew = await made(world, body, "two")
    told = await world.history.diff(WS, crew.id, 1, 2)
    assert told == [{"op": "replace", "path": "/name", "value": "two"}]
    assert await world.history.diff(WS, crew.id, 2, 2) == []


async def test_jobs_run_what_is_published(world: Any, body: Any) -> None:
    crew = await made(world, body, "two", "three")
    assert (await world.snapshots.snapshot(WS, crew.id)).version == 3
    await world.history.publish(WS, crew.id, 2)
    told = await world.snapshots.snapshot(WS, crew.id)
    assert (told.version, told.name) == (2, "two")
    assert (await world.snapshots.snapshot(WS, crew.id, 1)).version == 1
    await world.catalog.update(WS, crew.id, CrewChanges(name="four"))
    assert (await world.snapshots.snapshot(WS, crew.id)).version == 2
    rows = (await world.history.rows(WS, crew.id))[1]
    assert [row.number for row in rows if row.published_at] == [2]
    with pytest.raises(Conflict, match="that is 2"):
        await world.history.unpublish(WS, crew.id, 3)
    await world.history.unpublish(WS, crew.id, 2)
    assert (await world.snapshots.snapshot(WS, crew.id)).version == 4


async def test_prices_are_asked_of_the_version_that_jobs_run(world: Any, body: Any) -> None:
    crew = await made(world, body)
    agents = [
        {"id": one.id, "role": one.role, "goal": "g", "model": "openai:own"} for one in crew.agents
    ]
    await world.catalog.update(WS, crew.id, CrewChanges(agents=agents))
    assert len(await world.snapshots.unknown_prices(WS, crew.id)) == len(agents)
    assert await world.snapshots.unknown_prices(WS, crew.id, 1) == []
    await world.history.publish(WS, crew.id, 1)
    assert await world.snapshots.unknown_prices(WS, crew.id) == []


async def test_only_what_can_run_is_published(world: Any, body: Any) -> None:
    crew = await made(world, {**body, "tasks": []})
    with pytest.raises(Conflict) as fault:
        await world.history.publish(WS, crew.id, 1)
    assert fault.value.details["missing"][0]["field"] == "tasks"


async def test_an_old_version_whose_tool_is_gone_is_refused(world: Any, body: Any) -> None:
    tool = RegisteredTool(
        id="tool_1",
        workspace_id=WS,
        name="own",
        description="d",
        endpoint="https://a.example",
        created_at=utc_now(),
    )
    world.tools.held["tool_1"] = tool
    body["agents"][0]["tools"] = ["own"]
    crew = await world.catalog.create(WS, CrewDraft(**body))
    agents = [
        {"id": one.id, "role": one.role, "goal": "g", "model": "offline"} for one in crew.agents
    ]
    await world.catalog.update(WS, crew.id, CrewChanges(agents=agents))
    assert (await world.snapshots.snapshot(WS, crew.id, 1)).tools[0].name == "own"
    del world.tools.held["tool_1"]
    with pytest.raises(InvalidRequest, match="is gone") as fault:
        await world.snapshots.snapshot(WS, crew.id, 1)
    assert fault.value.details["field"] == "version"
    told = await refused(world.history.restore(WS, crew.id, 1))
    assert told["field"] == "agents.0.tools.0"
    assert (await refused(world.history.publish(WS, crew.id, 1)))["field"] == "agents.0.tools.0"


def rows_of(many: int, *, published: bool, size: int = 10) -> list[VersionRow]:
    now = utc_now()
    return [
        VersionRow(
            n, now, "n", "active", 1, 1, now + timedelta(seconds=n) if published else None, size
        )
        for n in range(1, many + 1)
    ]


def test_the_oldest_versions_go() -> None:
    told = too_many(rows_of(MOST_KEPT + 3, published=False), 2)
    assert sorted(row.number for row in told) == [1, 3]
    told = too_many(rows_of(MOST_PUBLISHED + 3, published=True), 1)
    assert sorted(row.number for row in told) == [2, 3]
    both = rows_of(MOST_KEPT, published=False) + rows_of(MOST_PUBLISHED, published=True)
    assert too_many(both, None) == []


def test_large_versions_go_sooner() -> None:
    told = too_many(rows_of(30, published=False, size=1_000_000), None)
    assert sorted(row.number for row in told) == list(range(1, 21))
