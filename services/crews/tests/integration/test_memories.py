"""A memory is stored whole, and read in part where a part is enough."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from common.contracts.memory import shelf_of
from common.times import utc_now
from crews.domain.memory import Entry, Memory
from crews.store import memories as memories_store
from crews.store.memories import MongoMemories


async def test_the_newest_entries_make_the_same_snapshot(store_database: Any) -> None:
    memories = MongoMemories(store_database("crews"))
    now = utc_now()
    entries = [Entry(f"job_1:{n}", now + timedelta(seconds=n), f"thing {n}") for n in range(100)]
    grouped = [
        Entry(e.id, e.timestamp, e.content, f"category {n % 9}") for n, e in enumerate(entries)
    ]
    whole = Memory("crew_1", "ws_1", tuple(entries), tuple(grouped), version=1)
    await memories.add(whole)
    assert await memories.find("crew_1") == whole
    part = await memories.newest("crew_1")
    assert part is not None
    assert len(part.short_term) == 10
    assert part.snapshot() == whole.snapshot()
    assert await memories.newest("crew_none") is None


async def test_a_crew_has_only_so_many_keys(
    store_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, seconds = utc_now(), itertools.count()
    monkeypatch.setattr(memories_store, "utc_now", lambda: began + timedelta(seconds=next(seconds)))
    memories = MongoMemories(store_database("crews"), key_limit=2)
    places = [shelf_of("customer_id", one) for one in ("ann", "bob", "cem")]
    for place in places[:2]:
        await memories.add(Memory("crew_1", "ws_1", shelf=place))
    used = await memories.find(f"crew_1/{places[0]}")
    assert used is not None
    assert await memories.replace(used.without("all", utc_now()))
    await memories.add(Memory("crew_2", "ws_1", shelf=places[1]))
    await memories.add(Memory("crew_1", "ws_1", shelf=places[2]))
    there = [await memories.find(f"crew_1/{place}") is not None for place in places]
    assert there == [True, False, True]
    assert await memories.find(f"crew_2/{places[1]}") is not None
    await memories.remove("crew_1")
    assert [await memories.find(f"crew_1/{place}") for place in places] == [None] * 3
