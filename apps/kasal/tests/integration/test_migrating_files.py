"""`migrate` on the databases of `run`: whoever has the data folder migrates it, and nobody else at the same time."""

import asyncio
import os
import sys
from pathlib import Path

from common.settings import MongoSettings
from common.storage.migrations import MigrationStep, Schema, check, migrate
from common.storage.ports import Database
from kasal_platform.data_folder import databases_url, hold
from kasal_platform.embedded.backends import InProcessBackends
from kasal_platform.schemas import SCHEMAS


async def _migrate(data_dir: Path) -> tuple[int | None, list[str], str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KASAL_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kasal_platform", "migrate"),
        env={**kept, "KASAL_DATA_DIR": str(data_dir)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        said, faults = await process.communicate()
    return process.returncode, said.decode().splitlines(), faults.decode()


async def test_the_data_folder_is_migrated_unless_the_platform_runs(tmp_path: Path) -> None:
    with hold(tmp_path):
        code, lines, faults = await _migrate(tmp_path)
    assert (code, lines) == (1, [])
    assert f"{tmp_path} is in use by process {os.getpid()}" in faults
    assert faults.count("\n") == 1
    code, lines, faults = await _migrate(tmp_path)
    assert (code, faults) == (0, "")
    for service, schema in SCHEMAS.items():
        opened = InProcessBackends().database(_settings(tmp_path), service)
        await check(opened.database, schema)
        await opened.close()
        assert f"{service} is at schema version {schema.version} (it was at 0)" in lines


async def test_two_migrations_of_one_process_take_turns(tmp_path: Path) -> None:
    running, told = [0], list[str]()

    async def change(database: Database) -> None:
        running[0] += 1
        assert running[0] == 1, "both migrate at once"
        await database["things"].insert_one({})
        await asyncio.sleep(0)
        running[0] -= 1

    async def indexes(_: Database) -> None:
        pass

    schema = Schema("things", indexes, (MigrationStep("the first things", change),))
    backends = InProcessBackends()
    both = [backends.database(_settings(tmp_path), "things") for _ in range(2)]
    await asyncio.gather(*(migrate(one.database, schema, told.append) for one in both))
    assert await both[0].database["things"].count_documents({}, limit=10) == 1
    assert sorted(told)[-2:] == [
        "things is being migrated by another process: waiting for its end",
        "things step 1: the first things",
    ]
    for one in both:
        await one.close()


async def test_the_lock_of_a_migration_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    async def indexes(_: Database) -> None:
        pass

    opened = InProcessBackends().database(_settings(tmp_path), "things")
    lock = {"by": "migration_killed", "beat": 7}
    await opened.database["schema"].insert_one({"_id": "schema", "version": 0, "lock": lock})
    schema = Schema("things", indexes, (MigrationStep("the first things"),))
    told: list[str] = []
    await migrate(opened.database, schema, told.append, silence=0.2)
    assert told[0] == "things is being migrated by another process: waiting for its end"
    await check(opened.database, schema)
    await opened.close()


def _settings(data_dir: Path) -> MongoSettings:
    return MongoSettings(mongo_url=databases_url(data_dir))
