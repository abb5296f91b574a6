"""A database comes to its schema once, whoever asks, however often, and whatever dies meanwhile."""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import Awaitable, Callable

import pytest
from pymongo.errors import OperationFailure

from common.storage.migrations import (
    LockLost,
    MigrationStep,
    Schema,
    SchemaMismatch,
    check,
    migrate,
    prepare,
)
from common.storage.mongo import ensure_index
from common.storage.ports import Database
from devkit.databases import ON_MONGO
from kasal_platform.local.program import free_port

SILENCE = 0.4


async def indexes(held: Database) -> None:
    await ensure_index(held["things"], "name", name="names", unique=True)


async def _with_colour(held: Database) -> None:
    await held["things"].update_many({"colour": None}, {"$set": {"colour": "red"}})


FIRST = MigrationStep("the first indexes")
COLOURS = MigrationStep("things get a colour", _with_colour)
ONE = Schema("things", indexes, (FIRST,))
TWO = Schema("things", indexes, (FIRST, COLOURS))


class Teller:
    """Takes the lines of a migration."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def held(store_database) -> Database:
    return store_database("things")


@pytest.fixture
def tell() -> Teller:
    return Teller()


async def noted(held: Database) -> dict:
    return await held["schema"].find_one({"_id": "schema"})


def changing(change: Callable[[Database], Awaitable[None]]) -> Schema:
    return Schema("things", indexes, (FIRST, MigrationStep("a change of the test's", change)))


async def test_a_fresh_database_gets_all_and_a_second_run_changes_nothing(held, tell):
    await migrate(held, TWO, tell)
    assert await noted(held) == {"_id": "schema", "version": 2, "oldest": 0}
    assert "names" in await held["things"].index_information()
    assert "step 2: things get a colour" in tell.text
    assert "index things.names made" in tell.text
    again = Teller()
    await migrate(held, TWO, again)
    assert again.lines == [f"{held.name} is at schema version 2 (it was at 2)"]
    await check(held, TWO)


async def test_a_database_from_before_versions_keeps_its_data(held, tell):
    await indexes(held)
    await held["things"].insert_many([{"_id": n, "name": f"thing {n}"} for n in range(100)])
    with pytest.raises(SchemaMismatch, match=r"at schema version 0 .* `python -m things migrate`"):
        await check(held, TWO)
    await migrate(held, TWO, tell)
    assert "index" not in tell.text.replace("first indexes", "")
    assert await held["things"].count_documents({"colour": "red"}) == 100


async def test_an_index_that_was_dropped_is_made_again(held, tell):
    await migrate(held, ONE, tell)
    await held["things"].drop_index("names")
    await migrate(held, ONE, tell)
    assert "names" in await held["things"].index_information()


async def test_of_two_at_once_each_step_is_done_by_one(held):
    done: list[int] = []

    async def slowly(_: Database) -> None:
        done.append(1)
        await asyncio.sleep(2.5)  # longer than a silence: signs of life keep the lock

    schema = changing(slowly)
    tellers = [Teller() for _ in range(4)]
    await asyncio.gather(*(migrate(held, schema, one, silence=2.0) for one in tellers))
    assert done == [1]
    assert sum("is being migrated by another process" in one.text for one in tellers) == 3
    assert await noted(held) == {"_id": "schema", "version": 2, "oldest": 0}


async def test_a_step_that_fails_is_repeated_from_its_start(held, tell):
    async def fails(_: Database) -> None:
        raise OperationFailure("no room")

    with pytest.raises(OperationFailure):
        await migrate(held, changing(fails), tell)
    assert await noted(held) == {"_id": "schema", "version": 1, "oldest": 0}
    await migrate(held, TWO, tell, silence=60)  # the lock was given back
    assert (await noted(held))["version"] == 2


KILLED = """
import asyncio, sys
from common.storage.migrations import MigrationStep, Schema, migrate
from common.storage.mongo import connect, database
from common.settings import MongoSettings

async def half(held):
    await held["things"].update_many({"_id": {"$lt": 50}}, {"$set": {"colour": "red"}})
    print("half", flush=True)
    await asyncio.Event().wait()

async def nothing(held):
    pass

async def main():
    settings = MongoSettings(mongo_url=sys.argv[1], mongo_database_prefix=sys.argv[2])
    async with connect(settings) as client:
        schema = Schema("things", nothing, (MigrationStep("first"), MigrationStep("half", half)))
        await migrate(database(client, settings, "things"), schema, lambda line: None)

asyncio.run(main())
"""


@ON_MONGO  # of files, only one process has the right to migrate
async def test_one_that_is_killed_in_the_middle_is_taken_over(held, tell, store_settings):
    await indexes(held)
    await held["things"].insert_many([{"_id": n, "name": f"thing {n}"} for n in range(100)])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", textwrap.dedent(KILLED)),
        *(store_settings.mongo_url, store_settings.mongo_database_prefix),
        stdout=asyncio.subprocess.PIPE,
    )
    assert await process.stdout.readline() == b"half\n"
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    left = await noted(held)
    assert left["version"] == 1
    assert "lock" in left
    await migrate(held, TWO, tell, silence=SILENCE)
    assert "is being migrated by another process" in tell.text
    assert await noted(held) == {"_id": "schema", "version": 2, "oldest": 0}
    assert await held["things"].count_documents({"colour": "red"}) == 100


async def test_one_that_lost_its_lock_stops_and_notes_nothing(held, tell):
    begun = asyncio.Event()

    async def waits(_: Database) -> None:
        begun.set()
        await asyncio.Event().wait()

    losing = asyncio.create_task(migrate(held, changing(waits), tell, silence=SILENCE))
    await begun.wait()
    other = {"by": "somebody else", "beat": 7}
    await held["schema"].update_one({"_id": "schema"}, {"$set": {"lock": other}})
    with pytest.raises(LockLost):
        await losing
    assert await noted(held) == {"_id": "schema", "version": 1, "oldest": 0, "lock": other}


async def test_newer_code_keeps_the_older_running_until_a_step_contracts(held, tell):
    await migrate(held, TWO, tell)
    await check(held, ONE)  # an older process may start anew in the middle of an upgrade
    await held["things"].drop_index("names")
    await migrate(held, ONE, tell)  # and the older release's job may run again
    assert tell.lines[-1].endswith("of a newer schema that fits: nothing to do")
    assert "names" not in await held["things"].index_information()

    contracted = Schema("things", indexes, (*TWO.steps, MigrationStep("no names", contracts=True)))
    await migrate(held, contracted, tell)
    await check(held, contracted)
    assert (await noted(held)) == {"_id": "schema", "version": 3, "oldest": 3}
    for refused in (check(held, TWO), migrate(held, TWO, tell)):
        with pytest.raises(SchemaMismatch, match="at schema version 3, which needs a things of 3"):
            await refused


async def test_a_start_migrates_or_only_checks(held):
    with pytest.raises(SchemaMismatch):
        await prepare(held, ONE, migrating=False)
    await prepare(held, ONE, migrating=True)
    await prepare(held, ONE, migrating=False)


async def test_the_verb_waits_for_a_database_only_so_long():
    code = "from common.storage.migrations import Schema, run; run(Schema('things', None, ()), within=0.5)"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", code),
        env={**os.environ, "KASAL_MONGO_URL": f"mongodb://127.0.0.1:{free_port()}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, faults = await process.communicate()
    assert process.returncode == 1
    assert said == b"kasal_things: waiting for its database to answer\n"
    assert faults.startswith(b"The database of kasal_things has not answered for 0.5 s")
    assert faults.count(b"\n") == 1


async def test_nothing_older_starts_in_the_middle_of_a_step_that_contracts(held, tell):
    await migrate(held, ONE, tell)

    async def refused(database: Database) -> None:
        with pytest.raises(SchemaMismatch, match="needs a things of 2 or higher"):
            await check(database, ONE)

    step = MigrationStep("a change that old code cannot read", refused, contracts=True)
    await migrate(held, Schema("things", indexes, (FIRST, step)), tell)
    assert (await noted(held))["oldest"] == 2
