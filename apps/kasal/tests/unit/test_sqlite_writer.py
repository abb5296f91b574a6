"""The writer's thread: groups that are whole or not at all, callers that give up, and the end."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import IndexModel
from pymongo.errors import AutoReconnect, DuplicateKeyError, NetworkTimeout, OperationFailure

from common.settings import MongoSettings
from common.storage.mongo import is_away
from devkit.loop_lag import loop_lag
from kasal_platform.embedded.backends import InProcessBackends
from kasal_platform.embedded.sqlite import calls, file
from kasal_platform.embedded.sqlite.agreement import disagreements_in
from kasal_platform.embedded.sqlite.calls import WorkLine
from kasal_platform.embedded.sqlite.client import Files, SqliteClient, SqliteDatabase
from kasal_platform.embedded.sqlite.session import WriteSession


class Gate:
    """Holds the writer's thread until it is opened; counts the commits of its connection."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._open = threading.Event()
        self._held = threading.Event()
        self.commits = 0

    @contextmanager
    def closed(self) -> Iterator[None]:
        held = asyncio.ensure_future(self._database.write("test", self._hold))
        try:
            yield
        finally:
            self._open.set()
        self.held = held

    async def wait_until_held(self) -> None:
        await asyncio.to_thread(self._held.wait)

    def _hold(self, session: Any) -> None:
        session.connection.set_trace_callback(self._count)
        self._held.set()
        self._open.wait(10)

    def _count(self, statement: str) -> None:
        self.commits += statement == "COMMIT"


async def test_what_arrives_during_a_group_is_committed_together(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.insert_one({"_id": "first"})
        gate = Gate(client["db"])
        with gate.closed():
            await gate.wait_until_held()
            writes = [asyncio.ensure_future(things.insert_one({"_id": n})) for n in range(100)]
            same = asyncio.ensure_future(things.insert_one({"_id": 7}))
            await asyncio.sleep(0)
        await asyncio.gather(gate.held, *writes)
        with pytest.raises(DuplicateKeyError):
            await same
        assert gate.commits == 2  # the gate's own group, and one for all
        assert await things.count_documents({}) == 101


class Failing(sqlite3.Connection):
    """Fails at one statement, as on a full disk."""

    left: int | None = None

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        kind = type(self)
        if kind.left is not None and threading.current_thread().name.startswith("writer"):
            kind.left -= 1
            if kind.left < 0 and sql != "ROLLBACK":
                fault = sqlite3.OperationalError("database or disk is full")
                fault.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise fault
        return super().execute(sql, *rest)


@contextmanager
def failing_connections() -> Iterator[type[Failing]]:
    connect = sqlite3.connect
    file.sqlite3.connect = lambda *args, **named: connect(*args, factory=Failing, **named)
    Failing.left = None
    try:
        yield Failing
    finally:
        file.sqlite3.connect = connect
        Failing.left = None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60))
def test_a_group_that_fails_at_any_statement_leaves_nothing_and_the_next_goes_on(place) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, failing_connections() as failing:
        asyncio.run(write_while_it_fails(Path(folder), failing, place))
        assert disagreements_in(Path(folder) / "db.sqlite") == []


async def write_while_it_fails(folder: Path, failing: type[Failing], place: int) -> None:
    async with SqliteClient(folder) as client:
        things = client["db"]["things"]
        index = IndexModel([("n", 1), ("tags", 1)], name="n")
        await things.create_indexes([index, IndexModel("u", name="u", unique=True)])
        rows = [{"_id": n, "n": n, "u": n, "tags": ["a", "b"]} for n in range(5)]
        await things.insert_many(rows)
        failing.left = place
        writes = [
            *(things.insert_one({"_id": 10 + n, "n": n, "u": 10 + n}) for n in range(3)),
            *(
                things.update_one({"_id": n}, {"$inc": {"n": 9}, "$push": {"tags": "c"}})
                for n in range(3)
            ),
            things.update_one({"_id": 4}, {"$set": {"u": 3}}),
            things.delete_one({"_id": 3}),
            client["db"]["others"].insert_one({"_id": 1}),
        ]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        failing.left = None
        full = [isinstance(one, OperationFailure) and one.code == 14_031 for one in answers]
        assert all(is_away(one) for one, is_full in zip(answers, full, strict=True) if is_full)
        if place == 0:
            assert all(full)
        found = await things.find({}, {"_id": 1, "n": 1}).to_list()
        for n in range(3):
            assert ({"_id": 10 + n, "n": n} in found) is not full[n]
            assert {"_id": n, "n": n if full[3 + n] else n + 9} in found
        assert any(one["_id"] == 3 for one in found) is full[7]
        await things.insert_one({"_id": "after", "u": "after"})
        await things.update_one({"_id": 0}, {"$set": {"n": 100}})
        assert await things.find_one({"n": 100, "tags": "a"}, {"_id": 1}) == {"_id": 0}


async def test_a_bug_in_a_commit_fails_its_group_and_no_other(tmp_path, monkeypatch) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.insert_one({"_id": 1})
        with monkeypatch.context() as patched:
            patched.setattr(WriteSession, "commit", lambda _: 1 / 0)
            with pytest.raises(OperationFailure, match="ZeroDivisionError"):
                await things.insert_one({"_id": 2})
        await things.insert_one({"_id": 3})
        assert await things.distinct("_id") == [1, 3]


async def test_calls_are_answered_when_their_thread_has_ended() -> None:
    line = WorkLine()
    waiting = asyncio.ensure_future(line.ask("work"))
    await asyncio.sleep(0)
    await asyncio.to_thread(line.fail_rest)
    with pytest.raises(AutoReconnect):
        await waiting
    with pytest.raises(AutoReconnect):
        await line.ask("more")


@pytest.mark.parametrize(("durable", "synchronous"), [(False, 1), (True, 2)])
async def test_the_disk_is_waited_for_if_that_is_wanted(tmp_path, durable, synchronous) -> None:
    backends = InProcessBackends(durable=durable)
    opened = backends.database(MongoSettings(mongo_url=f"sqlite://{tmp_path}"), "things")
    try:
        found = await opened.database.write("test", the_synchronous)
    finally:
        await opened.close()
    assert found == synchronous


def the_synchronous(session: WriteSession) -> int:
    (value,) = session.connection.execute("PRAGMA synchronous").fetchone()
    return value


async def test_a_caller_that_gives_up_takes_back_what_has_not_begun(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.insert_one({"_id": "first"})
        gate = Gate(client["db"])
        with gate.closed():
            await gate.wait_until_held()
            cancelled = asyncio.ensure_future(things.insert_one({"_id": 1}))
            kept = asyncio.ensure_future(things.insert_one({"_id": 2}))
            await asyncio.sleep(0)
            cancelled.cancel()
            with pytest.raises(NetworkTimeout) as raised, pymongo.timeout(0.01):
                await things.insert_one({"_id": 3})
            assert is_away(raised.value)
        await asyncio.gather(gate.held, kept)
        assert await things.distinct("_id") == [2, "first"]


async def test_a_caller_waits_no_longer_than_its_patience(tmp_path) -> None:
    async with SqliteClient(tmp_path, patience=0.01) as client:
        patient = SqliteDatabase(client.files, "db", 60)
        await patient["things"].insert_one({"_id": "first"})
        gate = Gate(patient)
        with gate.closed():
            await gate.wait_until_held()
            with pytest.raises(NetworkTimeout):
                await client["db"]["things"].insert_one({"_id": 1})
        await gate.held


async def test_callers_wait_for_room_when_too_much_waits(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(calls, "MOST_BYTES", 1_000)
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.insert_one({"_id": "first"})
        gate = Gate(client["db"])
        with gate.closed():
            await gate.wait_until_held()
            rows = [{"_id": n, "x": "x" * 300} for n in range(10)]
            writes = [asyncio.ensure_future(things.insert_one(row)) for row in rows]
            for _ in range(5):
                await asyncio.sleep(0)
            assert client.files.file("db").writes.waiting_bytes <= 1_000
        await asyncio.gather(gate.held, *writes)
        assert await things.count_documents({}) == 11


async def test_closing_carries_out_what_waits_and_takes_no_more(tmp_path) -> None:
    client = SqliteClient(tmp_path)
    database = client["db"]
    things = database["things"]
    await things.insert_one({"_id": "first"})
    gate = Gate(database)
    with gate.closed():
        await gate.wait_until_held()
        waiting = asyncio.ensure_future(things.insert_one({"_id": 1}))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(client.close())
        while not database.is_closed:  # noqa: ASYNC110 - a thread closes it
            await asyncio.sleep(0)
        with pytest.raises(AutoReconnect) as raised:
            await things.insert_one({"_id": 2})
        assert is_away(raised.value)
    await asyncio.gather(gate.held, waiting, closing)
    async with SqliteClient(tmp_path) as again:
        assert await again["db"]["things"].distinct("_id") == [1, "first"]


async def test_no_compare_and_set_is_lost(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.insert_one({"_id": 1, "n": 0, "by": []})

        async def raise_once(number: int) -> int:
            tries = 0
            while True:
                tries += 1
                found = await things.find_one({"_id": 1}, {"n": 1})
                assert found is not None
                change = {"$inc": {"n": 1}, "$push": {"by": number}}
                done = await things.update_one({"_id": 1, "n": found["n"]}, change)
                if done.matched_count:
                    return tries

        tries = await asyncio.gather(*(raise_once(number) for number in range(300)))
        found = await things.find_one({"_id": 1})
        assert found is not None
        assert (found["n"], sorted(found["by"])) == (300, list(range(300)))
        assert sum(tries) > 300


async def test_two_clients_of_one_folder_share_its_writer(tmp_path) -> None:
    files = Files(tmp_path)
    try:
        one, other = SqliteClient(files)["db"]["things"], SqliteClient(files)["db"]["things"]
        await asyncio.gather(one.insert_one({"_id": 1, "n": 0}), other.insert_one({"_id": 2}))
        for _ in range(10):
            await one.update_one({"_id": 1}, {"$inc": {"n": 1}})
            await other.update_one({"_id": 1}, {"$inc": {"n": 1}})
        assert await one.find_one({"_id": 1}) == {"_id": 1, "n": 20}
    finally:
        await asyncio.to_thread(files.close)


async def test_neither_large_writes_nor_long_reads_hold_the_loop(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.insert_many([{"_id": n, "x": "x" * 200} for n in range(5_000)])
        await things.find_one({"x": 1}, {"_id": 1})  # what is imported late is not measured
        async with loop_lag():
            await asyncio.gather(
                things.insert_one({"_id": "large", "x": b"x" * 8_000_000}),
                things.update_many({}, {"$set": {"y": 1}}),
                things.find({"x": "no such"}).to_list(),
                things.find({}).sort("x", -1).to_list(),
                things.create_index("y"),
            )
