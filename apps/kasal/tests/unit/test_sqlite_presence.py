"""Files that cannot be opened, or that were lost beside others, are named before anything is made anew.

Covers: kasal_platform.embedded.sqlite.checking
"""

import os
from pathlib import Path

import pytest

from kasal_platform.config import SecretsDamaged, secrets_in
from kasal_platform.embedded.sqlite.checking import FileRefused, check_presence
from kasal_platform.embedded.sqlite.client import SqliteClient
from kasal_platform.embedded.sqlite.errors import FileDamaged

NAMES = ("auth", "crews", "executor")


@pytest.fixture
def files(tmp_path):
    return [tmp_path / "db" / f"{name}.sqlite" for name in NAMES]


async def make(files, *filled):
    """Make all files, and put a document into those that are named."""
    async with SqliteClient(files[0].parent) as client:
        for name in NAMES:
            await client[name].command("ping")
        for name in filled:
            await client[name]["things"].insert_one({"_id": 1})


def missing(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


async def test_a_new_folder_has_no_files_and_one_in_use_has_all(files):
    check_presence(files)
    await make(files, *NAMES)
    check_presence(files)


@pytest.mark.parametrize("lose", [missing, empty])
@pytest.mark.parametrize("lost", range(3))
async def test_a_file_that_was_lost_beside_others_is_damage(files, lose, lost):
    await make(files, *NAMES)
    lose(files[lost])
    with pytest.raises(FileDamaged, match="missing or empty") as told:
        check_presence(files)
    assert str(files[lost]) in str(told.value)
    assert "make restore" in str(told.value)


@pytest.mark.parametrize("lose", [missing, empty])
async def test_a_first_start_that_was_killed_has_lost_nothing(files, lose):
    await make(files)
    lose(files[1])
    check_presence(files)


async def test_a_file_whose_writes_are_all_in_its_log_is_there(files):
    await make(files, "auth", "executor")
    files[1].write_bytes(b"")
    files[1].with_name("crews.sqlite-wal").write_bytes(b"log")
    check_presence(files)


async def test_what_is_no_file_is_named(files):
    await make(files, *NAMES)
    files[2].unlink()
    files[2].mkdir()
    with pytest.raises(FileRefused, match=r"executor\.sqlite is no file"):
        check_presence(files)


@pytest.mark.parametrize("place", ["", "crews.sqlite", "crews.sqlite-shm"])
async def test_what_this_user_may_not_write_is_named(files, monkeypatch, place):
    await make(files, *NAMES)
    refused = files[0].parent / place
    if place.endswith("-shm"):
        refused.touch()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != refused)
    with pytest.raises(FileRefused, match="cannot be read and written") as told:
        check_presence(files)
    assert str(told.value).startswith(f"{refused} ")


async def test_secrets_are_not_made_anew_for_data_that_was_encrypted_with_others(files, tmp_path):
    made = secrets_in(tmp_path)
    await make(files, "auth")
    assert secrets_in(tmp_path) == made
    (tmp_path / "secrets.json").unlink()
    with pytest.raises(SecretsDamaged, match="put back the one of your backup"):
        secrets_in(tmp_path)
    assert not (tmp_path / "secrets.json").exists()
