"""After a power cut, a file opens, is consistent, and has what was on the disk: the log may end anywhere.

A cut is a copy of the files whose log lacks its end, or has anything there. What SQLite had waited for is never cut off.

Covers: kasal_platform.embedded.sqlite.file
"""

import asyncio
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from pymongo import IndexModel

from kasal_platform.embedded.sqlite import file as files
from kasal_platform.embedded.sqlite.agreement import disagreements_in
from kasal_platform.embedded.sqlite.client import Files, SqliteDatabase

WRITES = 120
CUTS = 40
Log = tuple[int, bytes]
"""The length of the log, and the number in its header, which changes when it begins anew."""


async def written(folder: Path, aside: Path, *, durable: bool) -> list[Log]:
    """Write, copy the files while they are open, and return what the log was when each write was answered."""
    logs: list[Log] = []
    opened = Files(folder, durable=durable)
    things = SqliteDatabase(opened, "db", 5.0)["things"]
    try:
        await things.create_indexes(
            [IndexModel("n", name="n", unique=True), IndexModel("tags", name="tags")]
        )
        for number in range(WRITES):
            padding = "x" * (number * 37 % 3_000)
            await things.insert_one({"_id": number, "n": number, "tags": [1, number], "p": padding})
            log = (folder / "db.sqlite-wal").read_bytes()
            logs.append((len(log), log[12:16]))
        shutil.copytree(folder, aside)
    finally:
        await asyncio.to_thread(opened.close)
    return logs


def cut(aside: Path, folder: Path, end: int, then: bytes = b"") -> list[int]:
    """Open a copy whose log ends there, or goes on with something else; return what it has."""
    folder.mkdir()
    shutil.copy(aside / "db.sqlite", folder)
    log = (aside / "db.sqlite-wal").read_bytes()
    (folder / "db.sqlite-wal").write_bytes(log[:end] + then)
    connection = sqlite3.connect(folder / "db.sqlite")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (number,) = connection.execute(
            "SELECT number FROM catalog WHERE collection = 'things' AND definition IS NULL"
        ).fetchone() or (None,)
        rows = [] if number is None else connection.execute(f"SELECT row FROM c{number}").fetchall()
    finally:
        connection.close()
    assert disagreements_in(folder / "db.sqlite") == []
    return sorted(row - 1 for (row,) in rows)


def cuts_from(least: int, most: int) -> list[int]:
    chance = random.Random(most)
    return [least, most, *(chance.randint(least, most) for _ in range(CUTS))]


async def test_what_was_moved_into_the_file_stays_and_the_rest_ends_somewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LOG_PAGES", 60)
    logs = await written(tmp_path / "data", tmp_path / "aside", durable=False)
    # The log begins anew only after the file has all of it and the disk has the file.
    moved = max(place for place in range(1, WRITES) if logs[place][1] != logs[place - 1][1])
    assert 0 < moved < WRITES - 1
    seen = set()
    for place, end in enumerate(cuts_from(0, logs[-1][0])):
        found = cut(tmp_path / "aside", tmp_path / f"cut{place}", end)
        assert found == list(range(len(found)))
        assert len(found) >= moved
        seen.add(len(found))
    assert len(seen) > 3


@pytest.mark.parametrize("then", [b"", b"\0" * 10_000, random.Random(1).randbytes(10_000)])
async def test_a_durable_file_has_each_write_that_was_answered(tmp_path: Path, then: bytes) -> None:
    logs = await written(tmp_path / "data", tmp_path / "aside", durable=True)
    assert len({number for _, number in logs}) == 1
    for place in (0, 1, WRITES // 2, WRITES - 2, WRITES - 1):
        found = cut(tmp_path / "aside", tmp_path / f"cut{place}", logs[place][0], then)
        assert found == list(range(place + 1))


@pytest.mark.parametrize(("durable", "level"), [(False, 1), (True, 2)])
def test_only_a_durable_file_waits_for_the_disk_at_each_commit(
    tmp_path: Path, durable: bool, level: int
) -> None:
    connection = files.connection_to(tmp_path / "db.sqlite", durable=durable)
    try:
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        connection.close()
