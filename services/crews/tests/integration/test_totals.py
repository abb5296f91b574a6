"""Counts survive processes that die between a change's announcement and its count.

Covers: crews.store.windows
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from common.errors import Conflict
from common.times import utc_now
from crews.domain.composition import new_crew
from crews.domain.crew_changes import change
from crews.domain.drafts import CrewDraft
from crews.store.activities import MongoActivities
from crews.store.crews import MongoCrews
from crews.store.lists import MongoLists
from crews.store.migrations import indexes
from crews.store.totals import BLOCK, MongoTotals
from crews.store.versions import MongoVersions


class Stores:
    def __init__(self, database: Any, crew_body: Any, limit: int = 100) -> None:
        self.database = database
        self.totals = MongoTotals(database)
        self.crews = MongoCrews(database, self.totals, MongoVersions(database), limit)
        self.lists = MongoLists(database, self.totals, MongoActivities(database))
        self.body = crew_body

    async def add(self, **changes: Any) -> Any:
        crew = new_crew(CrewDraft(**{**self.body, **changes}), "ws_1", utc_now())
        await self.crews.add(crew)
        return await self.crews.find("ws_1", crew.id)

    async def count(self) -> tuple[int, int]:
        counts = (await self.totals.of("ws_1")).counts
        return counts["configuring"] + counts["active"], counts["agents"]

    async def age(self) -> None:
        """Make what is announced look forgotten."""
        long_ago = utc_now() - timedelta(minutes=1)
        found = await self.database["totals"].find_one({"_id": "ws_1"})
        aged = [{**entry, "at": long_ago} for entry in found["open"]]
        await self.database["totals"].update_one({"_id": "ws_1"}, {"$set": {"open": aged}})


@pytest.fixture
async def stores(store_database: Callable[[str], Any], crew_body: Any) -> Stores:
    made = Stores(store_database("crews"), crew_body)
    await indexes(made.database)
    return made


async def test_a_change_that_was_never_counted_is_counted_anew(stores: Stores) -> None:
    first = await stores.add()
    await stores.totals.announce("ws_1", {})
    await stores.database["crews"].delete_one({"_id": first.id})  # and here the process died
    assert await stores.count() == (1, 1)
    await stores.age()
    assert await stores.count() == (0, 0)
    await stores.add()
    assert await stores.count() == (1, 1)


async def test_a_slow_writer_is_not_counted_twice(stores: Stores) -> None:
    await stores.add()
    slow = await stores.totals.announce("ws_1", {})
    crew = await stores.add()
    await stores.age()
    assert await stores.count() == (2, 2)  # anew, the slow one's announcement with it
    await stores.totals.count(slow, None, crew)  # what was counted anew already
    assert await stores.count() == (2, 2)


async def test_numbers_rise_and_stay(stores: Stores) -> None:
    first, second = await stores.add(), await stores.add()
    assert (first.number, second.number) == (1, 2)
    assert (first.agents[0].number, second.agents[0].number) == (1, 2)
    changed = change(first, utc_now(), name="Other")
    assert await stores.crews.replace(first, changed)
    assert not await stores.crews.replace(first, changed)
    held = await stores.crews.find("ws_1", first.id)
    assert held == changed


async def test_a_workspace_has_room_for_so_many(
    store_database: Callable[[str], Any], crew_body: Any
) -> None:
    stores = Stores(store_database("crews"), crew_body, limit=2)
    crew = await stores.add()
    await stores.add()
    with pytest.raises(Conflict):
        await stores.add()
    assert await stores.crews.remove(crew)
    await stores.add()
    assert await stores.count() == (2, 2)


class Watched:
    """A collection that remembers how many numbers each query by number asked for."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self.widths: list[int] = []

    def find(self, query: Any, fields: Any) -> Any:
        bounds = query.get("number", {})
        if bounds:
            listed = bounds.get("$in")
            self.widths.append(len(listed) if listed else bounds["$lte"] - bounds["$gte"] + 1)
        return self._collection.find(query, fields)


@pytest.fixture
async def many(store_database: Callable[[str], Any], crew_body: Any) -> Stores:
    """Two and a half blocks of crews, in which there are holes."""
    made = Stores(store_database("crews"), crew_body, limit=10 * BLOCK)
    await indexes(made.database)
    task = {"description": "Write", "agent": 0}
    crews = [await made.add(tasks=[task] if n % 3 else []) for n in range(5 * BLOCK // 2)]
    for crew in [*crews[3::7], *crews[BLOCK - 9 : BLOCK + 4]]:
        await made.crews.remove(crew)
    for crew in crews[5::9]:
        if (held := await made.crews.find("ws_1", crew.id)) is not None:
            assert await made.crews.replace(held, change(held, utc_now(), tasks=()))
    return made


async def check_pages(stores: Stores, limit: int = 20) -> None:
    """Have every page, of any status, hold what it would if all crews were read and sorted."""
    rows = await stores.database["crews"].find({"workspace_id": "ws_1"}).to_list()
    for status in (None, "active", "configuring"):
        ids = [
            row["_id"]
            for row in sorted(rows, key=lambda row: -row["number"])
            if status in {None, row["status"]}
        ]
        assert ids
        for skip in range(0, len(ids) + limit, limit):
            page = await stores.lists.crews("ws_1", status=status, skip=skip, limit=limit)
            assert [crew.id for crew in page.entries] == ids[skip : skip + limit]
            assert page.total == len(ids)


async def test_a_page_far_down_reads_no_more_than_its_blocks(many: Stores) -> None:
    watched = Watched(many.database["crews"])
    many.lists._windows._crews = watched  # type: ignore[assignment]
    await check_pages(many)
    assert watched.widths
    assert max(watched.widths) <= 3 * BLOCK  # of a status there may be few in a block
    watched.widths.clear()
    await many.lists.crews("ws_1", skip=100, limit=20)
    assert len(watched.widths) == 1
    assert watched.widths[0] <= 2 * BLOCK


async def test_pages_are_right_while_a_change_is_open(many: Stores) -> None:
    announced = await many.totals.announce("ws_1", {})
    assert (await many.totals.of("ws_1")).blocks is None
    await check_pages(many)
    await many.totals.count(announced, None, None)
    assert (await many.totals.of("ws_1")).blocks is not None


async def test_blocks_of_a_release_that_counted_none_are_counted(many: Stores) -> None:
    before = await many.totals.of("ws_1")
    await many.database["totals"].update_one({"_id": "ws_1"}, {"$unset": {"blocks": 1}})
    assert await many.totals.of("ws_1") == before
    assert (await many.database["totals"].find_one({"_id": "ws_1"}))["blocks"]
    await check_pages(many)


async def test_a_change_during_a_count_is_not_lost(stores: Stores) -> None:
    """One that begins and ends while the crews are counted leaves `open` as it was."""
    crew = await stores.add()
    await stores.add()
    await stores.totals.announce("ws_1", {})
    await stores.age()
    counting = stores.totals._count_all

    async def counted_before_a_removal(workspace_id: str) -> Any:
        found = await counting(workspace_id)
        assert await stores.crews.remove(crew)
        return found

    stores.totals._count_all = counted_before_a_removal  # type: ignore[method-assign]
    await stores.totals.of("ws_1")
    stores.totals._count_all = counting  # type: ignore[method-assign]
    assert await stores.count() == (1, 1)
