"""The watch over a real SecantusDB that stands still, as one that has locked up does."""

import asyncio
import signal
from pathlib import Path

import pytest
from pymongo import MongoClient

from common.local import secantus
from embedded.database import Database, Unheard, line


async def test_a_database_that_stands_still_is_started_again_with_its_data(tmp_path: Path) -> None:
    program = secantus.program(tmp_path / "db")
    program.start()
    try:
        await program.ready()
        with MongoClient(program.url, journal=True) as client:
            client.kasal.things.insert_one({"_id": 1})
        watching = asyncio.create_task(Database(program, limit=2.0).lost())
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
            with pytest.raises(Unheard):
                await ask()
            program.start()
            await program.ready()
            await ask()
        with MongoClient(program.url) as client:
            assert client.embedded.beats.find_one() == {"_id": "watchdog", "count": 4}
    finally:
        program.stop()
