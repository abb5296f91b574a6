"""A restore that dies at any moment leaves the old databases or the new ones, never a mixture."""

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from kasal_platform import swapping
from kasal_platform.data_folder import hold
from kasal_platform.swapping import commit_restore, finish_restore, new_databases

NAMES = ("auth", "crews", "executor")


class Killed(BaseException):
    """The process ends here."""


def fill(folder: Path, content: str) -> None:
    for name in NAMES:
        (folder / f"{name}.sqlite").write_text(f"{content} {name}")


def old_databases(databases: Path) -> None:
    databases.mkdir(parents=True)
    fill(databases, "old")
    (databases / "auth.sqlite-wal").write_text("not of the new one")


def held(databases: Path) -> set[str]:
    return {(databases / f"{name}.sqlite").read_text().split()[0] for name in NAMES}


@pytest.fixture
def databases(tmp_path: Path) -> Path:
    return tmp_path / "db"


@pytest.mark.parametrize("has_old", [True, False])
def test_new_databases_take_the_place_of_the_old_ones(databases, has_old):
    if has_old:
        old_databases(databases)
    fill(new_databases(databases), "new")
    commit_restore(databases)
    assert held(databases) == {"new"}
    assert [path.name for path in databases.parent.iterdir()] == ["db"]
    assert len(list(databases.iterdir())) == 3
    finish_restore(databases)
    assert held(databases) == {"new"}


@pytest.mark.parametrize("step", range(12))
@pytest.mark.parametrize("has_old", [True, False])
def test_a_kill_at_any_step_leaves_one_of_them_whole(databases, monkeypatch, step, has_old):
    if has_old:
        old_databases(databases)
    fill(new_databases(databases), "new")
    left = step

    def dies_in_time(function):
        def call(*args, **kwargs):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return function(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dies_in_time(Path.rename))
        patch.setattr(os, "fsync", dies_in_time(os.fsync))
        patch.setattr(shutil, "rmtree", dies_in_time(shutil.rmtree))
        with contextlib.suppress(Killed):
            commit_restore(databases)
    committed = not swapping._beside(databases, "partial").exists()
    finish_restore(databases)
    if has_old or committed:
        assert held(databases) == ({"new"} if committed else {"old"})
    else:
        assert not databases.exists()
    assert {path.name for path in databases.parent.iterdir()} <= {"db", "db.partial"}
    fill(new_databases(databases), "newer")  # and it can be repeated
    commit_restore(databases)
    assert held(databases) == {"newer"}


def test_what_a_killed_restore_has_written_is_no_part_of_the_next(databases):
    fill(new_databases(databases), "half")
    assert list(new_databases(databases).iterdir()) == []


def test_nothing_to_finish_changes_nothing(databases):
    finish_restore(databases)
    assert list(databases.parent.iterdir()) == []


def test_whoever_takes_the_folder_finishes_a_restore(databases):
    old_databases(databases)
    new = new_databases(databases)
    fill(new, "new")
    new.rename(databases.with_name("db.restored"))
    with hold(databases.parent):
        assert held(databases) == {"new"}
    assert {path.name for path in databases.parent.iterdir()} == {"db", "lock"}
