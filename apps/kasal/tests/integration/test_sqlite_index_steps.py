"""An index is made in steps: other writes go on in between, and a process killed in mid-step leaves nothing of it.

Covers: kasal_platform.embedded.sqlite.indexing, kasal_platform.embedded.sqlite.catalog
"""

import asyncio
import random
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError, OperationFailure

from kasal_platform.embedded.sqlite import indexing
from kasal_platform.embedded.sqlite.agreement import disagreements_in
from kasal_platform.embedded.sqlite.client import SqliteClient

BUILDER = """
import asyncio, sys
from pathlib import Path
from kasal_platform.embedded.sqlite import indexing
from kasal_platform.embedded.sqlite.client import SqliteClient

make, left = indexing._make, [100]

def step(*what):
    left[0] -= 1
    return left[0] >= 0 and make(*what)

async def main(folder):
    indexing._STEP, indexing._make = 0.0, step
    async with SqliteClient(Path(folder)) as client:
        things = client["db"]["things"]
        making = asyncio.ensure_future(things.create_index("n", name="n"))
        for number in range(40):
            await things.update_one({"_id": number}, {"$set": {"n": -number}})
        print("made" if making.done() else "in between", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each step fill the entries of one document."""
    monkeypatch.setattr(indexing, "_STEP", 0.0)


class Steps:
    """Lets the making of indexes go on by as many steps as are allowed, each of one document."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._make = indexing._make
        self._allowed = 0
        self._lock = threading.Lock()
        monkeypatch.setattr(indexing, "_STEP", 0.0)
        monkeypatch.setattr(indexing, "_make", self._step)

    def allow(self, steps: int) -> None:
        with self._lock:
            self._allowed += steps

    def _step(self, *what: Any) -> bool:
        with self._lock:
            if self._allowed <= 0:
                return False
            self._allowed -= 1
        return self._make(*what)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


async def filled(client: SqliteClient, many: int):
    things = client["db"]["things"]
    await things.insert_many([{"_id": n, "n": n, "tags": ["a", n]} for n in range(many)])
    return things


@pytest.mark.parametrize("seed", range(4))
async def test_other_writes_go_on_while_an_index_is_made(
    tmp_path: Path, seed: int, steps: Steps
) -> None:
    chance = random.Random(seed)
    async with SqliteClient(tmp_path) as client:
        things = await filled(client, 400)
        models = [
            IndexModel("n", name="n", unique=True, partialFilterExpression={"n": {"$gte": 0}}),
            IndexModel("tags", name="tags"),
        ]
        making = asyncio.ensure_future(things.create_indexes(models))
        written = 0
        while not making.done():
            n = chance.randrange(500)
            await chance.choice(
                [
                    lambda n=n: things.update_one({"_id": n}, {"$set": {"n": n + 1_000}}),
                    lambda n=n: things.update_one({"_id": n}, {"$push": {"tags": -n}}),
                    lambda n=n: things.update_one({"_id": n}, {"$set": {"tags": [n]}}, upsert=True),
                    lambda n=n: things.delete_one({"_id": n}),
                ]
            )()
            written += 1
            steps.allow(6)
        await making
        assert written > 100, "each write lets it go on by six of some 800 steps"
        assert {index["name"] for index in await things.list_indexes()} == {"_id_", "n", "tags"}
        await things.insert_one({"_id": "x", "n": 7_000})
        with pytest.raises(DuplicateKeyError):
            await things.insert_one({"_id": "y", "n": 7_000})
    assert disagreements_in(tmp_path / "db.sqlite") == []


async def test_an_index_that_is_being_made_is_not_used_or_listed(
    tmp_path: Path, steps: Steps
) -> None:
    async with SqliteClient(tmp_path) as client:
        things = await filled(client, 200)
        making = asyncio.ensure_future(things.create_index("n", name="n"))
        for _ in range(5):
            steps.allow(20)
            assert [one["_id"] async for one in things.find({"n": 150})] == [150]
            await things.update_one({"_id": 0}, {"$inc": {"x": 1}})
        assert not making.done()
        assert [index["name"] for index in await things.list_indexes()] == ["_id_"]
        steps.allow(1_000)
        await making
        assert [one["_id"] async for one in things.find({"n": 150})] == [150]


@pytest.mark.usefixtures("one_at_a_time")
async def test_the_same_index_may_be_asked_for_twice_and_by_one_who_leaves(tmp_path: Path) -> None:
    async with SqliteClient(tmp_path) as client:
        things = await filled(client, 300)
        left = asyncio.ensure_future(things.create_index("n", name="n"))
        for number in range(20):
            await things.update_one({"_id": number}, {"$set": {"n": -number}})
        left.cancel()
        both = [things.create_index("n", name="n") for _ in range(2)]
        assert await asyncio.gather(*both) == ["n", "n"]
        with pytest.raises(OperationFailure):
            await things.create_index("tags", name="n")
    assert disagreements_in(tmp_path / "db.sqlite") == []
    assert unfinished(tmp_path) == []


@pytest.mark.usefixtures("one_at_a_time")
async def test_an_index_that_cannot_be_made_or_whose_collection_goes_leaves_nothing(
    tmp_path: Path,
) -> None:
    async with SqliteClient(tmp_path) as client:
        things = await filled(client, 100)
        await things.insert_one({"_id": "twice", "n": 5})
        with pytest.raises(DuplicateKeyError):
            await things.create_index("n", name="n", unique=True)
        assert unfinished(tmp_path) == []
        making = asyncio.ensure_future(things.create_index("n", name="n"))
        for _ in range(5):
            await things.update_one({"_id": 0}, {"$inc": {"x": 1}})
        await things.drop()
        await making
        await things.insert_one({"_id": 1, "n": 1})
    assert disagreements_in(tmp_path / "db.sqlite") == []
    assert unfinished(tmp_path) == []


@pytest.mark.usefixtures("one_at_a_time")
async def test_an_index_that_a_document_does_not_fit_binds_no_other(tmp_path: Path) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        for number in range(3):
            await things.insert_one({"_id": number, "a": number, "b": 0})
        await things.insert_one({"_id": 3, "a": [1], "b": [2]})
        with pytest.raises(OperationFailure, match="parallel arrays"):
            await things.create_index([("a", 1), ("b", 1)], name="both", unique=True)
        assert unfinished(tmp_path) == []
        await things.update_one({"_id": 1}, {"$set": {"a": 0}})
    assert disagreements_in(tmp_path / "db.sqlite") == []


async def test_a_process_killed_between_two_steps_leaves_a_whole_file(tmp_path: Path) -> None:
    async with SqliteClient(tmp_path) as client:
        await filled(client, 3_000)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BUILDER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"in between\n"
    child.send_signal(signal.SIGKILL)
    await child.wait()
    assert len(unfinished(tmp_path)) == 1
    assert disagreements_in(tmp_path / "db.sqlite") == []
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        assert [index["name"] for index in await things.list_indexes()] == ["_id_"]
        assert await things.count_documents({"n": {"$lt": 0}}) == 39
        await things.create_index("n", name="n")
        assert await things.count_documents({"n": {"$lt": 0}}) == 39
    assert disagreements_in(tmp_path / "db.sqlite") == []
    assert unfinished(tmp_path) == []


def unfinished(folder: Path) -> list[int]:
    """Return the numbers of indexes that are being made, or were when a process died."""
    connection = sqlite3.connect(folder / "db.sqlite")
    try:
        return [number for (number,) in connection.execute("SELECT number FROM building")]
    finally:
        connection.close()
