"""Documents that were written lately are updated without being read, and are not held for ever."""

import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kasal_platform.embedded.sqlite import session as session_module
from kasal_platform.embedded.sqlite.client import SqliteClient, SqliteDatabase


@pytest.fixture
def move_clock(monkeypatch) -> Callable[[float], None]:
    now = [1000.0]

    def move(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(session_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return move


async def reads_of_an_update(database: SqliteDatabase, number: int) -> int:
    """Return how often the writer reads a document to update the one with this `_id`."""
    told: list[str] = []

    def follow(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(told.append)

    def listen(session: Any) -> None:
        follow(session.connection)

    await database.write("test", listen)
    await database["things"].update_one({"_id": number}, {"$inc": {"n": 1}})
    await database.write("test", lambda session: session.connection.set_trace_callback(None))
    return sum(statement.startswith("SELECT row, doc FROM") for statement in told)


async def test_a_document_written_lately_is_updated_without_a_read(tmp_path, move_clock) -> None:
    async with SqliteClient(tmp_path) as client:
        await client["db"]["things"].insert_one({"_id": 1, "n": 0})
        assert await reads_of_an_update(client["db"], 1) == 0
        move_clock(2)
        assert await reads_of_an_update(client["db"], 1) == 0, "each write keeps it anew"


async def test_a_document_that_nobody_writes_is_let_go(tmp_path, move_clock) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.insert_many([{"_id": 1, "n": 0}, {"_id": 2, "n": 0}])
        move_clock(2)
        await things.update_one({"_id": 2}, {"$inc": {"n": 1}})
        move_clock(2)
        await things.insert_one({"_id": 3})  # the writes of others let it go
        assert await reads_of_an_update(client["db"], 2) == 0
        assert await reads_of_an_update(client["db"], 1) == 1
        assert await things.find({}, {"n": 1}).sort("_id").to_list() == [
            {"_id": 1, "n": 1},
            {"_id": 2, "n": 2},
            {"_id": 3},
        ]
