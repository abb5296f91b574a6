"""What is said of files that are not ours, newer, damaged or cut off, and what is left of them."""

import asyncio
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import IndexModel
from pymongo.errors import ConfigurationError, OperationFailure

from common.storage.mongo import is_away
from kasal_platform.embedded.sqlite import file
from kasal_platform.embedded.sqlite.agreement import disagreements_in
from kasal_platform.embedded.sqlite.client import SqliteClient
from kasal_platform.embedded.sqlite.errors import FileDamaged
from kasal_platform.embedded.sqlite.file import NotOurs

MANY = 40


async def open_database(folder: Path) -> None:
    async with SqliteClient(folder) as client:
        await client["db"].command("ping")


async def test_a_file_of_another_program_is_refused(tmp_path) -> None:
    connection = sqlite3.connect(tmp_path / "db.sqlite")
    connection.execute("CREATE TABLE notes (text TEXT)")
    connection.close()
    with pytest.raises(NotOurs, match=r"db\.sqlite is a database of another program"):
        await open_database(tmp_path)


async def test_an_older_sqlite_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(ConfigurationError, match=r"3\.37\.0 is needed"):
        await open_database(tmp_path)


async def test_a_file_of_a_newer_release_is_refused_and_left_alone(tmp_path) -> None:
    await open_database(tmp_path)
    connection = sqlite3.connect(tmp_path / "db.sqlite")
    connection.execute(f"PRAGMA user_version = {file.FORMAT + 1}")
    connection.close()
    before = (tmp_path / "db.sqlite").read_bytes()
    with pytest.raises(NotOurs, match="was written by a newer release") as raised:
        await open_database(tmp_path)
    assert not is_away(raised.value)
    assert (tmp_path / "db.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    "text", [b"not a database at all" * 100, b"SQLite format 3\0" + b"x" * 5_000]
)
async def test_what_is_no_database_is_told_as_damaged(tmp_path, text) -> None:
    (tmp_path / "db.sqlite").write_bytes(text)
    with pytest.raises(FileDamaged, match="make restore") as raised:
        await open_database(tmp_path)
    assert not is_away(raised.value)


async def test_a_damaged_page_is_told_by_those_who_read_it(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        rows = [{"_id": n, "x": "x" * 1_000} for n in range(500)]
        await client["db"]["things"].insert_many(rows)
    path = tmp_path / "db.sqlite"
    content = bytearray(path.read_bytes())
    for page in range(5, len(content) // 4_096):
        content[page * 4_096 : page * 4_096 + 200] = b"\xab" * 200
    path.write_bytes(content)
    with pytest.raises(FileDamaged, match="make restore"):
        disagreements_in(path)
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        with pytest.raises(FileDamaged):
            await things.find({}).to_list()
        with pytest.raises(FileDamaged):
            await things.update_many({}, {"$set": {"x": 1}})


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A database and its log as they lie on the disk after `MANY` writes, one after the other."""
    live, copy = tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("copy")

    async def write() -> None:
        async with SqliteClient(live) as client:
            things = client["db"]["things"]
            await things.create_indexes(
                [IndexModel("n", name="n"), IndexModel("tags", name="tags")]
            )
            for n in range(MANY):
                await things.insert_one({"_id": n, "n": n, "tags": ["a", str(n)], "x": "x" * 2_000})
                await things.update_one({"_id": n}, {"$set": {"n": -n}, "$push": {"tags": "b"}})
            for name in ("db.sqlite", "db.sqlite-wal"):
                shutil.copy(live / name, copy / name)

    asyncio.run(write())
    return copy


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.booleans())
def test_a_log_that_is_cut_off_or_garbled_leaves_a_beginning_of_the_writes(
    written, place, garbled
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(written / "db.sqlite", folder / "db.sqlite")
        log = (written / "db.sqlite-wal").read_bytes()
        cut = int(len(log) * place)
        rest = bytes(byte ^ 0x5A for byte in log[cut : cut + 64]) + log[cut + 64 :]
        (folder / "db.sqlite-wal").write_bytes(log[:cut] + (rest if garbled else b""))
        assert_a_beginning(asyncio.run(documents(folder)))
        assert disagreements_in(folder / "db.sqlite") == []


async def documents(folder: Path) -> list[dict[str, object]]:
    async with SqliteClient(folder) as client:
        return await client["db"]["things"].find({}).to_list()


def assert_a_beginning(found: list[dict[str, object]]) -> None:
    for place, one in enumerate(found):
        updated = {"_id": place, "n": -place, "tags": ["a", str(place), "b"], "x": "x" * 2_000}
        inserted = {**updated, "n": place, "tags": ["a", str(place)]}
        assert one == updated or (place == len(found) - 1 and one == inserted)


async def test_a_full_disk_is_told_and_writing_goes_on_once_there_is_room(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        database = client["db"]
        things = database["things"]
        await things.insert_one({"_id": "first"})
        await database.write("test", lambda session: limit_pages(session, 60))
        with pytest.raises(OperationFailure) as raised:
            await fill(things)
        assert raised.value.code == 14_031
        assert is_away(raised.value)
        assert client.files.file("db").failing is not None
        many = await things.count_documents({})
        assert await things.find_one({"_id": "first"}) == {"_id": "first"}
        await things.delete_one({"_id": 0})  # what needs no room goes on
        await database.write("test", lambda session: limit_pages(session, 10_000))
        await things.insert_one({"_id": "after"})
        assert client.files.file("db").failing is None
        assert await things.count_documents({}) == many
    assert disagreements_in(tmp_path / "db.sqlite") == []


async def fill(things) -> None:
    for n in range(1_000):
        await things.insert_one({"_id": n, "x": "x" * 1_000})


def limit_pages(session, most: int) -> None:
    session.connection.execute(f"PRAGMA max_page_count = {most}").fetchone()
