"""What a run makes crews read and write names the shard keys of deploy/mongodb/shard.js."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson

from common.bus import Message, encode
from common.contracts.events import EventType, events_key
from common.contracts.messages import TRACE_EVENT_TYPE, MemoryRemembered
from common.contracts.topology import EVENTS, MEMORY
from common.times import utc_now
from crews.store.migrations import indexes
from devkit.commands import Commands, shard_keys, unfit_indexes

KEYS = shard_keys("crews")


async def tell(service: Any, crew_id: str, seq: int, kind: EventType, task_id: str) -> None:
    body = {
        "type": kind,
        "job_id": "job_1",
        "seq": seq,
        "attempt": 1,
        "timestamp": utc_now().isoformat(),
    }
    message = Message(
        type=TRACE_EVENT_TYPE,
        body=orjson.dumps({**body, "task_id": task_id}),
        headers={"workspace_id": "ws_test", "crew_id": crew_id},
    )
    await service.bus.publish(EVENTS, events_key("ws_test", "job_1", kind), message)


async def run(service: Any, crew_id: str, task_id: str) -> None:
    """Let a run of the crew do to it what runs do: snapshot, states of tasks, memory."""
    peer = service.as_(kind="service")
    await peer.call("GET", f"/internal/crews/{crew_id}/snapshot", expect=200)
    await tell(service, crew_id, 1, EventType.TASK_START, task_id)
    await tell(service, crew_id, 2, EventType.TASK_COMPLETE, task_id)
    remembered = MemoryRemembered(
        memory_id="job_1:1",
        workspace_id="ws_test",
        crew_id=crew_id,
        job_id="job_1",
        kind="long_term",
        content="tea",
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
    )
    await service.bus.publish(MEMORY, MemoryRemembered.message_type, encode(remembered))


async def test_a_runs_way_asks_only_the_shards_that_have_its_crew(
    commands: Commands, service: Any
) -> None:
    crew_id, _, (task_id,) = await service.crew(tasks=1)
    commands.clear()
    await run(service, crew_id, task_id)
    async with asyncio.timeout(60):
        while not {"update activities", "update memories"} <= commands.counted.keys():  # noqa: ASYNC110 - the bus tells nobody
            await asyncio.sleep(0.005)
    assert commands.count_scattered(KEYS) == {}


async def test_tasks_of_one_state_are_looked_for_on_all_shards(
    commands: Commands, service: Any
) -> None:
    """The one list that reads what runs do by more than its crews."""
    await service.crew(tasks=1)
    commands.clear()
    await service.call("GET", "/tasks?status=running", expect=200)
    assert commands.count_scattered(KEYS) == {"find activities(shows, workspace_id)": 1}


async def test_unique_indexes_begin_with_the_shard_key(store_database: Any) -> None:
    database = store_database("crews")
    await indexes(database)
    for collection in KEYS:  # made by their first documents
        await database[collection].insert_one({"_id": "one"})
    found = {name: await database[name].index_information() for name in KEYS}
    assert set(found) == {"activities", "memories"}
    assert unfit_indexes(KEYS, found) == set()


async def test_crews_and_tools_cannot_be_sharded_and_need_not(store_database: Any) -> None:
    """They have unique keys besides their ids, and grow with what people make."""
    database = store_database("crews")
    await indexes(database)
    found = {name: await database[name].index_information() for name in ("crews", "tools")}
    for collection in found:
        assert collection not in KEYS
        assert unfit_indexes({collection: "_id"}, found)
