"""`import-data` over the folder of a release that kept its data in SecantusDB."""

import contextlib
import hashlib
import shutil
import sys
from datetime import UTC, datetime

import pytest
from pymongo import MongoClient

from common.storage import migrations
from kasal_platform.backup import earlier, restoring
from kasal_platform.data_folder import databases_in, hold
from kasal_platform.embedded.sqlite.client import SqliteClient
from kasal_platform.local import secantus
from kasal_platform.schemas import SCHEMAS

NOW = datetime(2026, 11, 27, tzinfo=UTC)
JOB = {"seq": 5, "published": 5, "owner": "w", "created_at": NOW, "workspace_id": "ws_1"}


@contextlib.contextmanager
def earlier_release(folder):
    """Run the database as an earlier release did, and yield a client of it."""
    program = secantus.program(folder / "mongo")
    program.start()
    try:
        program.wait()
        with MongoClient(program.url, w="majority", journal=True) as client:
            yield client
    finally:
        program.stop()


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """The folder of an earlier release, as it left it when it was killed."""
    folder = tmp_path_factory.mktemp("earlier") / ".kasal"
    with earlier_release(folder) as client:
        for service in SCHEMAS:
            schema = {"_id": "schema", "version": 1, "oldest": 0}
            client[f"kasal_{service}"]["schema"].insert_one(schema)
        users = [{"_id": f"usr_{n}", "account": f"{n}@example.com", "at": NOW} for n in range(700)]
        client["kasal_auth"]["users"].insert_many(users)
        client["kasal_crews"]["crews"].insert_one({"_id": "crew_1", "sealed": b"\x00\xff"})
        jobs = [{"_id": f"job_{number}", **JOB} for number in range(3)]
        client["kasal_executor"]["executions"].insert_many(
            [*jobs, {"_id": "o", **JOB, "open": True}]
        )
        client["kasal_executor"]["workers"].insert_one({"_id": "worker_1"})
    (folder / "secrets.json").write_text('{"service_secret": "a", "secret_key": "b"}')
    (folder / "files").mkdir()
    (folder / "files" / "notes.txt").write_text("notes")
    return folder


@pytest.fixture
def old(left, tmp_path):
    return shutil.copytree(left, tmp_path / "old")


def content(folder):
    """Return the checksum of every file of the earlier release."""
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(databases_in(folder)) and path.name != "lock"
    }


async def held(data_dir, service, name):
    async with SqliteClient(databases_in(data_dir)) as client:
        return {one["_id"]: one for one in await client[service][name].find({}).to_list()}


async def whole(data_dir):
    assert len(await held(data_dir, "auth", "users")) == 700
    assert (await held(data_dir, "auth", "users"))["usr_3"]["at"] == NOW
    assert (await held(data_dir, "crews", "crews"))["crew_1"]["sealed"] == b"\x00\xff"
    jobs = await held(data_dir, "executor", "executions")
    assert jobs["job_1"] == {"_id": "job_1", **JOB}
    assert {"open": True, "owner": None, "published": 0}.items() <= jobs["o"].items()
    assert await held(data_dir, "executor", "workers") == {}
    async with SqliteClient(databases_in(data_dir)) as client:
        for service, schema in SCHEMAS.items():
            await migrations.check(client[service], schema)
    assert not list(data_dir.glob("*.partial"))


async def test_the_data_of_the_same_folder_is_brought_over(command, old):
    before = content(old)
    code, said, faults = await command("import-data", data_dir=old)
    assert (code, faults) == (0, ""), said
    assert said.endswith(f"{old / 'mongo'} is not needed any more: remove it\n")
    assert content(old) == before
    await whole(old)

    code, said, faults = await command("import-data", data_dir=old)
    assert (code, faults.count("\n")) == (1, 1)
    assert "auth is not empty (users)" in faults
    async with SqliteClient(databases_in(old)) as client:
        await client["auth"]["users"].insert_one({"_id": "new", "account": "new@example.com"})
    assert (await command("import-data", "--drop", data_dir=old))[0] == 0
    await whole(old)


async def test_the_data_of_another_folder_comes_with_its_secrets_and_files(command, old, tmp_path):
    before = content(old)
    new = tmp_path / "new"
    assert (await command("import-data", "--from", old, data_dir=new))[::2] == (0, "")
    await whole(new)
    assert (new / "secrets.json").read_bytes() == (old / "secrets.json").read_bytes()
    assert (new / "files" / "notes.txt").read_text() == "notes"
    assert not (new / "mongo").exists()
    assert content(old) == before


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["_save", "_bring_secrets", "restore", "said"])
async def test_an_import_that_was_killed_is_repeated(command, old, tmp_path, monkeypatch, moment):
    new = tmp_path / "new"

    def dies(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(earlier.shutil, "rmtree", lambda *_, **__: None)  # nothing is cleaned up
        if moment == "said":
            patch.setattr("kasal_platform.backup.files_site.commit_restore", dies)
        else:
            patch.setattr(earlier, moment, dies)
        with pytest.raises(Killed):
            await earlier.import_earlier(old, new, drop=False)
    assert (new / "import.partial").exists()
    assert not databases_in(new).exists()
    code, said, faults = await command("import-data", "--from", old, data_dir=new)
    assert (code, faults) == (0, ""), said
    await whole(new)


async def test_what_is_lost_on_the_way_is_noticed(command, old, monkeypatch):
    async def loses_one(collection, path):
        facts = await insert(collection, path)
        if path.stem == "users":
            await collection.delete_one({"_id": "usr_699"})
        return facts

    insert = restoring._insert
    monkeypatch.setattr(restoring, "_insert", loses_one)
    code, _, faults = await command("import-data", data_dir=old)
    assert (code, faults.count("\n")) == (1, 1)
    assert "auth.users does not hold what" in faults
    assert not databases_in(old).exists()


async def test_secantusdb_is_asked_for_only_here(command, old, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    code, _, faults = await command("import-data", data_dir=old)
    assert (code, faults.count("\n")) == (1, 1)
    assert f"run `{tmp_path / 'python'} -m pip install secantusdb==" in faults


async def test_a_folder_that_cannot_be_brought_over_is_named(command, old, tmp_path):
    code, _, faults = await command("import-data", "--from", tmp_path, data_dir=tmp_path / "new")
    assert (code, faults) == (
        1,
        f"{tmp_path} holds no data of an earlier release (no mongo/data).\n",
    )
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "secrets.json").write_text("{}")
    code, _, faults = await command("import-data", "--from", old, data_dir=tmp_path / "new")
    assert (code, faults.count("\n")) == (1, 1)
    assert "has secrets of its own" in faults
    (old / "secrets.json").unlink()
    code, _, faults = await command("import-data", data_dir=old)
    assert (code, faults.count("\n")) == (1, 1)
    assert faults.startswith(f"{old / 'secrets.json'} is missing")


async def test_nothing_is_brought_over_from_or_into_a_folder_in_use(command, old, tmp_path):
    with earlier_release(old):
        code, _, faults = await command("import-data", "--from", old, data_dir=tmp_path / "new")
    assert (code, faults.count("\n")) == (1, 1)
    assert f"{old / 'mongo'} is in use" in faults
    with hold(tmp_path / "new"):
        code, _, faults = await command("import-data", "--from", old, data_dir=tmp_path / "new")
    assert (code, faults.count("\n")) == (1, 1)
    assert "is in use by process" in faults
