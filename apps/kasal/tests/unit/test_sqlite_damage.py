"""Damage that a running process meets: an error that names the file and what to do, never a wrong answer."""

import asyncio
import sqlite3
import tempfile
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import IndexModel

from common.storage.mongo import is_away
from kasal_platform.embedded.sqlite.client import SqliteClient
from kasal_platform.embedded.sqlite.errors import FileDamaged
from kasal_platform.embedded.sqlite.session import WriteSession

_PAGE = 4_096
_MANY = 120


def _spoil_document(path: Path, row: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE c1 SET doc = x'0500ffff' WHERE row = ?", (row,))


async def test_a_document_that_cannot_be_read_fails_only_those_who_need_it(tmp_path) -> None:
    path = tmp_path / "db.sqlite"
    async with SqliteClient(tmp_path) as client:
        await client["db"]["things"].insert_many([{"_id": n, "n": n} for n in range(4)])
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        assert await things.find_one({"_id": 1}) == {"_id": 1, "n": 1}
        _spoil_document(path, 2)
        with structlog.testing.capture_logs() as logged:
            outcomes = await asyncio.gather(
                *(things.update_one({"_id": n}, {"$inc": {"n": 10}}) for n in range(4)),
                return_exceptions=True,
            )
            for _ in range(2):
                with pytest.raises(FileDamaged, match=f"{path} is damaged .*make restore"):
                    await things.find({}).to_list()
        assert [isinstance(one, FileDamaged) for one in outcomes] == [False, True, False, False]
        assert await things.find_one({"_id": 3}) == {"_id": 3, "n": 13}
        told = [one for one in logged if one["event"] == "a database is damaged"]
        assert [(one["log_level"], one["path"]) for one in told] == [("error", str(path))] * 2
        assert all("make restore" in one["reason"] for one in told)


async def test_a_write_that_fails_its_whole_group_does_it_only_once(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        database, things = client["db"], client["db"]["things"]
        await things.insert_one({"_id": 0})

        def break_file(session: WriteSession) -> None:
            session.catalog.ensure("others")  # what is made is only taken back with the group
            raise _malformed()

        for fails_others in (True, False):
            begun, held = threading.Event(), threading.Event()
            hold = partial(_hold, begun, held)
            gate = asyncio.ensure_future(database.write("test", hold))
            assert await asyncio.to_thread(begun.wait, 60)  # what comes now is one group
            bad = database.write("test", break_file)
            writes = [asyncio.ensure_future(bad)]
            writes += [asyncio.ensure_future(things.insert_one({"_id": n + 1})) for n in range(5)]
            await asyncio.sleep(0)
            held.set()
            await gate
            broken, *others = await asyncio.gather(*writes, return_exceptions=True)
            assert isinstance(broken, FileDamaged)
            assert [is_away(one) for one in others] == [fails_others] * 5
        assert await things.count_documents({}) == 6
        assert await database.list_collection_names() == ["things"]


def _hold(begun: threading.Event, held: threading.Event, _session: WriteSession) -> None:
    begun.set()
    held.wait(60)


def _malformed() -> sqlite3.DatabaseError:
    fault = sqlite3.DatabaseError("database disk image is malformed")
    fault.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return fault


def _fill_page(path: Path, place: float) -> None:
    """Write nonsense over one page, after all is in the file and not in its log."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    pages = path.stat().st_size // _PAGE
    with path.open("r+b") as written:
        written.seek(_PAGE * (1 + int(place * (pages - 2))))
        written.write(b"\xab" * _PAGE)


async def _answer(call: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await call()
    except FileDamaged:
        return FileDamaged


@settings(max_examples=12, deadline=None)
@given(st.floats(0, 1))
def test_a_page_that_is_garbled_under_a_running_process_never_makes_a_wrong_answer(place) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_work_on_garbled_page(Path(folder), place))


async def _work_on_garbled_page(folder: Path, place: float) -> None:
    right = [{"_id": n, "n": n % 7, "x": "x" * 1_500} for n in range(_MANY)]
    async with asyncio.timeout(60), SqliteClient(folder) as client:
        things = client["db"]["things"]
        await things.create_indexes([IndexModel("n", name="n")])
    async with asyncio.timeout(60), SqliteClient(folder) as client:
        things = client["db"]["things"]
        await things.insert_many(right)
        _fill_page(folder / "db.sqlite", place)
        for one in right:
            found = await _answer(lambda _id=one["_id"]: things.find_one({"_id": _id}))
            assert found in (one, FileDamaged)
        for n in range(7):
            found = await _answer(
                lambda n=n: things.find({"n": n}, {"_id": 1}).sort("_id", 1).to_list()
            )
            assert found in ([{"_id": one["_id"]} for one in right[n::7]], FileDamaged)
        assert await _answer(lambda: things.count_documents({})) in (_MANY, FileDamaged)
        for one in right[::3]:
            done = await _answer(
                lambda _id=one["_id"]: things.update_one({"_id": _id}, {"$set": {"n": 50}})
            )
            seen = await _answer(lambda _id=one["_id"]: things.find_one({"_id": _id}))
            wanted = one if done is FileDamaged else {**one, "n": 50}
            assert seen in (wanted, FileDamaged)
