"""Counts survive processes that die between a change's announcement and its count."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from common.errors import Conflict
from common.times import utc_now
from crews.domain.composing import new_crew
from crews.domain.drafts import CrewDraft
from crews.store.crews import MongoCrews
from crews.store.migrations import indexes
from crews.store.totals import MongoTotals


class Stores:
    def __init__(self, database: Any, crew_body: Any, limit: int = 100) -> None:
        self.database = database
        self.totals = MongoTotals(database)
        self.crews = MongoCrews(database, self.totals, limit)
        self.body = crew_body

    async def add(self) -> Any:
        crew = new_crew(CrewDraft(**self.body), "ws_1", utc_now())
        await self.crews.add(crew)
        return await self.crews.find("ws_1", crew.id)

    async def count(self) -> tuple[int, int]:
        counts = (await self.totals.of("ws_1")).counts
        return counts["configuring"] + counts["active"], counts["agents"]

    async def age(self) -> None:
        """Make what is announced look forgotten."""
        long_ago = utc_now() - timedelta(minutes=1)
        await self.database["totals"].update_one(
            {"_id": "ws_1"}, {"$set": {"open.$[].at": long_ago}}
        )


@pytest.fixture
async def stores(mongo_database: Callable[[str], Any], crew_body: Any) -> Stores:
    made = Stores(mongo_database("crews"), crew_body)
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
    changed = first.changed(utc_now(), name="Other")
    assert await stores.crews.replace(first, changed)
    assert not await stores.crews.replace(first, changed)
    held = await stores.crews.find("ws_1", first.id)
    assert held == changed


async def test_a_workspace_has_room_for_so_many(
    mongo_database: Callable[[str], Any], crew_body: Any
) -> None:
    stores = Stores(mongo_database("crews"), crew_body, limit=2)
    crew = await stores.add()
    await stores.add()
    with pytest.raises(Conflict):
        await stores.add()
    assert await stores.crews.remove(crew)
    await stores.add()
    assert await stores.count() == (2, 2)
