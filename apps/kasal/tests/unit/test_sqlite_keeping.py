"""What a database does by itself, and what it tells: expired documents, open files, failures, dropped indexes."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from pymongo.errors import AutoReconnect, DuplicateKeyError, OperationFailure

from kasal_platform.embedded.sqlite.agreement import disagreements_in
from kasal_platform.embedded.sqlite.client import Files, SqliteClient, SqliteDatabase
from kasal_platform.embedded.sqlite.expiring import Sweep
from kasal_platform.embedded.sqlite.file import File
from kasal_platform.embedded.sqlite.reading import View


async def test_documents_go_when_their_time_is_over(tmp_path) -> None:
    now = datetime.now(UTC)
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.create_index("at", expireAfterSeconds=60)
        past, soon = now - timedelta(seconds=61), now - timedelta(seconds=30)
        await things.insert_many(
            [
                *({"_id": n, "at": past} for n in range(450)),  # more than one group takes
                {"_id": "soon", "at": soon},
                {"_id": "text", "at": "2000-01-01"},
                {"_id": "none"},
                {"_id": "earliest counts", "at": [now + timedelta(days=1), past]},
            ]
        )
        await client["db"].write("test", Sweep())
        assert await things.distinct("_id") == ["none", "soon", "text"]
    assert disagreements_in(tmp_path / "db.sqlite") == []


async def test_the_writer_sweeps_by_itself(tmp_path) -> None:
    swept = asyncio.Event()
    loop = asyncio.get_running_loop()

    def sweep(_: object) -> None:
        loop.call_soon_threadsafe(swept.set)

    file = File(tmp_path / "db.sqlite", sweep_every=0.01, chore=sweep)
    await asyncio.to_thread(file.open)
    try:
        await asyncio.wait_for(swept.wait(), 60)
    finally:
        await asyncio.to_thread(file.close)


async def test_failures_are_counted_and_refusals_of_documents_are_not(tmp_path) -> None:
    told: list[tuple[str, str]] = []
    files = Files(tmp_path)
    database = SqliteDatabase(files, "db", 5.0, lambda *what: told.append(what))
    await database["things"].insert_one({"_id": 2})
    with pytest.raises(DuplicateKeyError):
        await database["things"].insert_one({"_id": 2})
    with pytest.raises(OperationFailure):
        await database["things"].find_one({"$where": "1"})
    await asyncio.to_thread(files.close)
    with pytest.raises(AutoReconnect):
        await database["things"].insert_one({"_id": 3})
    assert told == [("find", "OperationFailure"), ("insert", "AutoReconnect")]


async def test_a_query_whose_index_is_dropped_is_told_so(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.create_index("n", name="n")
        await things.insert_many([{"_id": n, "n": n} for n in range(2_000)])
        cursor = things.find({"n": {"$gte": 0}}).batch_size(10)
        assert (await cursor.next())["n"] == 0
        await things.drop_index("n")
        with pytest.raises(OperationFailure) as raised:
            await cursor.to_list()
        assert raised.value.code == 175


async def test_long_queries_take_turns_with_short_ones(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.insert_many([{"_id": n, "x": "x"} for n in range(5_000)])
        done: list[str] = []

        def short(_: View) -> None:
            done.append("short")

        def long(view: View):
            until = time.monotonic() + 30
            while len(done) < 5:
                if time.monotonic() > until:
                    return "alone"
                yield
            return "beside short ones"

        reading = asyncio.ensure_future(client["db"].read("test", long))
        others = [asyncio.ensure_future(client["db"].read("test", short)) for _ in range(5)]
        assert await reading == "beside short ones"
        await asyncio.gather(*others)


async def test_a_folder_is_opened_again_after_its_files_were_closed(tmp_path) -> None:
    files = Files(tmp_path)
    await SqliteDatabase(files, "db", 5.0)["things"].insert_one({"_id": 1})
    await asyncio.to_thread(files.close)
    assert await SqliteDatabase(files, "db", 5.0)["things"].distinct("_id") == [1]
    await asyncio.to_thread(files.close)
