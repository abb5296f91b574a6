"""The watch over a real SecantusDB that stands still, as one that has locked up does."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from common.settings import MongoSettings
from common.storage.mongo import Serving, connect, is_away
from common.storage.ports import Document
from kasal_platform.embedded.database import NoAnswer, WatchedDatabase, line
from kasal_platform.local import secantus


async def test_a_database_that_stands_still_is_started_again_with_its_data(tmp_path: Path) -> None:
    program = secantus.program(tmp_path / "db")
    program.start()
    try:
        await program.ready()
        with MongoClient(program.url, journal=True) as client:
            client.kasal.things.insert_one({"_id": 1})
        watching = asyncio.create_task(WatchedDatabase(program, limit=2.0).wait_until_lost())
        first = program.pid
        program.signal(signal.SIGSTOP)
        async with asyncio.timeout(60):
            while program.pid in {None, first}:  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(0.05)
            await program.ready()
        with MongoClient(program.url) as client:
            assert client.kasal.things.find_one() == {"_id": 1}
        program.kill()
        assert (await watching).startswith("SecantusDB has ended with -9")
    finally:
        program.stop()


async def test_it_is_asked_by_a_write(tmp_path: Path) -> None:
    program = secantus.program(tmp_path / "db")
    program.start()
    try:
        await program.ready()
        async with line(program.url) as ask:
            for _ in range(3):
                await ask()
            program.kill()
            with pytest.raises(NoAnswer):
                await ask()
            program.start()
            await program.ready()
            await ask()
        with MongoClient(program.url) as client:
            assert client.embedded.beats.find_one() == {"_id": "watchdog", "count": 4}
    finally:
        program.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 192 MiB, most of which a file called `filler` takes."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", tmp_path], check=True)
    (tmp_path / "filler").write_bytes(bytes(164 << 20))
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


async def test_a_database_whose_disk_is_full_is_there_again_once_there_is_room(
    small_disk: Path,
) -> None:
    program = secantus.program(small_disk / "db")
    program.start()
    await program.ready()
    client = connect(MongoSettings(mongo_url=program.url, mongo_timeout_ms=2_000))
    things, serving = client.kasal.things, Serving(client.kasal)
    try:
        await serving()
        await things.insert_one({"_id": 1})
        assert is_away(await refusal(things))
        await client.admin.command("ping")  # which says nothing
        async with asyncio.timeout(30):  # it serves reads a while longer, until a write panics
            while await served(Serving(client.kasal)):
                assert is_away(await refusal(things))
        watching = asyncio.create_task(WatchedDatabase(program, limit=0.5).wait_until_lost())
        first = program.pid
        async with asyncio.timeout(60):
            while program.pid == first:  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(0.02)
            assert program.pid is None
            (small_disk / "filler").unlink()
            while not await served(Serving(client.kasal)):
                await asyncio.sleep(0.02)
                assert not watching.done(), watching.result()
        assert await things.find_one({"_id": 1}) == {"_id": 1}
        await things.insert_one({"_id": "after"})
        assert not watching.done()
        watching.cancel()
    finally:
        await client.close()
        program.stop()


async def refusal(things: AsyncCollection[Document]) -> PyMongoError:
    """Return what ends writing, as a full disk does."""
    try:
        for _ in range(3_000):
            await things.insert_one({"text": "x" * 20_000})
    except PyMongoError as fault:
        return fault
    raise AssertionError("all of it was taken")


async def served(serving: Serving) -> bool:
    try:
        await serving()
    except PyMongoError:
        return False
    return True
