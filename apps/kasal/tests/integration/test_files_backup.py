"""`backup` and `restore` of the databases in files, as who runs the platform calls them.

Covers: kasal_platform.backup.files_site, kasal_platform.backup.given, kasal_platform.backup.sites,
kasal_platform.backup.sources
"""

import asyncio
import contextlib
import os
import secrets
import sqlite3
from datetime import UTC, datetime

import bson
import pytest
from pymongo import MongoClient

from common.storage import migrations
from kasal_platform.backup.contents import facts_of
from kasal_platform.data_folder import database_file, databases_in, hold
from kasal_platform.embedded.sqlite.client import SqliteClient
from kasal_platform.schemas import SCHEMAS

NOW = datetime(2026, 11, 27, tzinfo=UTC)
JOB = {"seq": 5, "published": 5, "owner": "w", "created_at": NOW, "workspace_id": "ws_1"}
DOCUMENTS = {
    "auth": {"users": [{"_id": "usr_1", "account": "a@example.com", "n": bson.Int64(1)}]},
    "crews": {"crews": [{"_id": "crew_1", "agents": [{"id": "a"}], "raw": b"\x00\xff"}]},
    "executor": {
        "executions": [
            {"_id": "job_1", **JOB},
            {"_id": "job_2", **JOB},
            {"_id": "job_3", **JOB, "open": True},
        ],
        "traces": [{"_id": "t", "job_id": "job_1", "seq": 1}],
        "counters": [{"_id": "ws_1:crew_1", "counted": [{"job": "job_2", "at": NOW}]}],
        "workers": [{"_id": "worker_1"}],
    },
}


@pytest.fixture
async def data_dir(tmp_path):
    return await filled(tmp_path / "data")


async def filled(data_dir):
    async with SqliteClient(databases_in(data_dir)) as client:
        for service, collections in DOCUMENTS.items():
            database = client[service]
            await migrations.migrate(database, SCHEMAS[service], lambda _: None)
            for name, documents in collections.items():
                await database[name].insert_many([dict(one) for one in documents])
    return data_dir


async def held(data_dir, service, name):
    async with SqliteClient(databases_in(data_dir)) as client:
        return {one["_id"]: one for one in await client[service][name].find({}).to_list()}


async def test_a_backup_is_restored_into_an_empty_folder(command, data_dir, tmp_path):
    code, said, faults = await command("backup", tmp_path / "saved", data_dir=data_dir)
    assert (code, faults) == (0, ""), said
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == [
        *("contents.json", "kasal_auth", "kasal_crews", "kasal_executor"),
    ]
    code, said, faults = await command("restore", tmp_path / "saved", data_dir=tmp_path / "new")
    assert (code, faults) == (0, ""), said
    for service, name in (("auth", "users"), ("crews", "crews"), ("executor", "traces")):
        assert await held(tmp_path / "new", service, name) == await held(data_dir, service, name)
    user = (await held(tmp_path / "new", "auth", "users"))["usr_1"]
    assert isinstance(user["n"], bson.Int64)
    assert await held(tmp_path / "new", "executor", "workers") == {}
    async with SqliteClient(databases_in(tmp_path / "new")) as client:
        assert "account_1" in await client["auth"]["users"].index_information()
        for service, schema in SCHEMAS.items():
            await migrations.check(client[service], schema)


async def test_open_jobs_and_those_counted_lately_are_settled_and_published_again(
    command, data_dir, tmp_path
):
    assert (await command("backup", tmp_path / "saved", data_dir=data_dir))[0] == 0
    await command("restore", tmp_path / "saved", data_dir=tmp_path / "new")
    jobs = await held(tmp_path / "new", "executor", "executions")
    again = {"open": True, "owner": None, "published": 0}
    for name in ("job_2", "job_3"):
        assert again.items() <= jobs[name].items(), name
    assert jobs["job_1"] == {"_id": "job_1", **JOB}


async def test_a_backup_is_of_one_moment_and_does_not_stop_the_writer(command, data_dir, tmp_path):
    written, saved = 0, tmp_path / "saved"
    async with SqliteClient(databases_in(data_dir)) as client:
        rows, users = client["executor"]["receipts"], client["auth"]["users"]
        filler = bytes(100_000)
        for number in range(100):
            await rows.insert_one({"_id": f"filler_{number}", "until": NOW, "data": filler})
        saving: asyncio.Task | None = None
        while saving is None or not saving.done():
            await users.insert_one({"_id": written, "account": f"{written}@example.com"})
            written += 1
            if written == 50:
                saving = asyncio.create_task(command("backup", saved, data_dir=data_dir))
        code, said, faults = await saving
    assert (code, faults) == (0, ""), said
    rows = bson.decode_all((saved / "kasal_auth" / "users.bson").read_bytes())
    numbers = [row["_id"] for row in rows if row["_id"] != "usr_1"]
    assert numbers == list(range(len(numbers)))
    assert 50 <= len(numbers) < written


async def test_a_backup_goes_from_files_to_a_mongodb_and_back(
    command, data_dir, tmp_path, mongo_url, mongo_prefix
):
    mongo = {"KASAL_MONGO_URL": mongo_url, "KASAL_MONGO_DATABASE_PREFIX": mongo_prefix}
    assert (await command("backup", tmp_path / "one", data_dir=data_dir))[0] == 0
    code, said, faults = await command("restore", tmp_path / "one", data_dir="none", **mongo)
    assert (code, faults) == (0, ""), said
    with MongoClient(mongo_url) as client:
        assert client[f"{mongo_prefix}auth"]["users"].count_documents({}) == 1
        assert "account_1" in client[f"{mongo_prefix}auth"]["users"].index_information()
    assert (await command("backup", tmp_path / "two", data_dir="none", **mongo))[0] == 0
    code, said, faults = await command("restore", tmp_path / "two", data_dir=tmp_path / "new")
    assert (code, faults) == (0, ""), said
    for service, collections in DOCUMENTS.items():
        for name in collections.keys() - {"workers", "executions"}:
            there = await held(tmp_path / "new", service, name)
            assert there == await held(data_dir, service, name), name


async def test_a_restore_goes_over_data_only_when_told_to(command, data_dir, tmp_path):
    assert (await command("backup", tmp_path / "saved", data_dir=data_dir))[0] == 0
    async with SqliteClient(databases_in(data_dir)) as client:
        await client["auth"]["users"].insert_one({"_id": "usr_2", "account": "b@example.com"})
    code, _, faults = await command("restore", tmp_path / "saved", data_dir=data_dir)
    assert (code, faults.count("\n")) == (1, 1)
    assert faults.startswith("auth is not empty (users)")
    assert len(await held(data_dir, "auth", "users")) == 2
    assert (await command("restore", tmp_path / "saved", "--drop", data_dir=data_dir))[0] == 0
    assert set(await held(data_dir, "auth", "users")) == {"usr_1"}
    assert {path.name for path in data_dir.iterdir()} == {"db", "lock"}


async def test_a_restore_into_a_folder_in_use_is_refused(command, data_dir, tmp_path):
    assert (await command("backup", tmp_path / "saved", data_dir=data_dir))[0] == 0
    with hold(data_dir):
        code, _, faults = await command("restore", tmp_path / "saved", "--drop", data_dir=data_dir)
        assert (code, faults.count("\n")) == (1, 1)
        assert f"is in use by process {os.getpid()}" in faults
        # A backup needs no lock: the platform has it.
        assert (await command("backup", tmp_path / "again", data_dir=data_dir))[0] == 0


def cut_a_document(saved):
    path = saved / "kasal_executor" / "executions.bson"
    whole = path.read_bytes()
    path.write_bytes(whole[: -int.from_bytes(whole[:4], "little")])
    return path


def flip_a_bit(saved):
    path = saved / "kasal_auth" / "users.bson"
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"a@example")] ^= 1
    path.write_bytes(whole)
    return path


def remove_a_file(saved):
    path = saved / "kasal_crews" / "crews.bson"
    path.unlink()
    return path


def end_in_a_document(saved):
    path = saved / "kasal_crews" / "crews.bson"
    path.write_bytes(path.read_bytes()[:-3])
    return path


def claim_two_gigabytes(saved):
    path = saved / "kasal_crews" / "crews.bson"
    path.write_bytes(b"\xff\xff\xff\x7f" + path.read_bytes()[4:])
    return path


def garble_the_contents(saved):
    path = saved / "contents.json"
    path.write_text("{")
    return path


@pytest.mark.parametrize(
    "damage",
    [
        *(cut_a_document, flip_a_bit, remove_a_file, end_in_a_document, claim_two_gigabytes),
        garble_the_contents,
    ],
)
async def test_a_damaged_backup_costs_no_data(command, data_dir, tmp_path, damage):
    assert (await command("backup", tmp_path / "saved", data_dir=data_dir))[0] == 0
    path = damage(tmp_path / "saved")
    code, said, faults = await command("restore", tmp_path / "saved", "--drop", data_dir=data_dir)
    assert (code, said, faults.count("\n")) == (1, "", 1), faults
    assert str(path) in faults
    assert "damaged" in faults or "missing" in faults
    for service, collections in DOCUMENTS.items():
        for name in collections:
            assert len(await held(data_dir, service, name)) == len(collections[name])


async def test_a_backup_of_a_release_without_checksums_is_restored(command, data_dir, tmp_path):
    assert (await command("backup", tmp_path / "saved", data_dir=data_dir))[0] == 0
    (tmp_path / "saved" / "contents.json").unlink()
    code, _, faults = await command("restore", tmp_path / "saved", data_dir=tmp_path / "new")
    assert (code, faults) == (0, "")
    assert len(await held(tmp_path / "new", "executor", "executions")) == 3


async def test_a_damaged_file_is_not_saved_as_if_it_were_whole(command, data_dir, tmp_path):
    path = database_file(data_dir, "executor")
    async with SqliteClient(databases_in(data_dir)) as client:
        for number in range(50):
            await client["executor"]["traces"].insert_one({"_id": number, "seq": number})
    with contextlib.closing(sqlite3.connect(path)) as connection:
        pages = "SELECT rootpage FROM sqlite_schema WHERE name LIKE 'c%' AND type = 'table'"
        page = max(number for (number,) in connection.execute(pages))
    whole = bytearray(path.read_bytes())
    whole[(page - 1) * 4096 : page * 4096] = secrets.token_bytes(4096)
    path.write_bytes(whole)
    code, _, faults = await command("backup", tmp_path / "saved", data_dir=data_dir)
    assert (code, faults.count("\n")) == (1, 1)
    assert str(path) in faults
    assert "damaged" in faults
    assert list(tmp_path.glob("saved*")) == []


@pytest.mark.parametrize("what", ["nothing", "text", "another's"])
async def test_a_folder_without_our_files_is_no_backup(command, data_dir, tmp_path, what):
    path = database_file(data_dir, "crews")
    path.unlink()
    if what == "text":
        path.write_text("These are my notes. " * 100)
    elif what == "another's":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE notes (text)")
    before = path.read_bytes() if path.exists() else None
    code, _, faults = await command("backup", tmp_path / "saved", data_dir=data_dir)
    assert (code, faults.count("\n")) == (1, 1)
    assert str(path) in faults
    assert list(tmp_path.glob("saved*")) == []
    assert (path.read_bytes() if path.exists() else None) == before


async def test_checksums_do_not_depend_on_the_order_of_documents(tmp_path):
    one, other = (bson.encode({"_id": number}) for number in range(2))
    (tmp_path / "a").write_bytes(one + other)
    (tmp_path / "b").write_bytes(other + one)
    (tmp_path / "c").write_bytes(one + one)
    assert facts_of(tmp_path / "a") == facts_of(tmp_path / "b")
    assert facts_of(tmp_path / "a") != facts_of(tmp_path / "c")
