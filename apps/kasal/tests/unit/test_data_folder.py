"""The data folder belongs to one process, which its lock names; data of earlier releases is not overlooked."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kasal_platform.data_folder import (
    FolderRefused,
    database_file,
    databases_url,
    earlier_files_note,
    hold,
    holder,
    refuse_earlier_data,
    sockets_for,
)

_HOLD = """
import sys
from pathlib import Path
from kasal_platform.data_folder import hold

with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def _holding(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_in_one_line_that_names_folder_and_process(
    tmp_path: Path,
) -> None:
    with _holding(tmp_path) as first:
        assert holder(tmp_path) == first.pid
        with pytest.raises(FolderRefused) as refused, hold(tmp_path):
            pytest.fail("two processes have the folder")
        line = str(refused.value)
        assert str(tmp_path) in line
        assert f"process {first.pid}" in line
        assert "KASAL_DATA_DIR" in line
        assert "\n" not in line
        first.communicate("")
    with hold(tmp_path):
        assert holder(tmp_path) == os.getpid()
    assert holder(tmp_path) is None


def test_a_killed_process_has_it_no_more(tmp_path: Path) -> None:
    with _holding(tmp_path) as first:
        first.send_signal(signal.SIGKILL)
    assert (tmp_path / "lock").read_text() == f"{first.pid}\n", "it could tidy up"
    assert holder(tmp_path) is None
    with hold(tmp_path):
        assert holder(tmp_path) == os.getpid()


def test_one_process_does_not_have_it_twice(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(FolderRefused), hold(tmp_path):
        pytest.fail("it has the folder twice")


def test_a_folder_that_nobody_has_used_has_no_holder(tmp_path: Path) -> None:
    assert holder(tmp_path / "new") is None
    with hold(tmp_path / "new"):
        assert (tmp_path / "new").stat().st_mode & 0o077 == 0, "others may read the data"


def test_data_of_an_earlier_release_is_refused_until_it_is_brought_over(tmp_path: Path) -> None:
    refuse_earlier_data(tmp_path)
    (tmp_path / "mongo").mkdir()
    with pytest.raises(FolderRefused) as refused:
        refuse_earlier_data(tmp_path)
    assert str(tmp_path / "mongo") in str(refused.value)
    assert "make import-data" in str(refused.value)
    assert "\n" not in str(refused.value)
    database_file(tmp_path, "auth").parent.mkdir()
    database_file(tmp_path, "auth").touch()
    refuse_earlier_data(tmp_path)


def test_files_of_an_earlier_release_are_told_of_in_one_line(tmp_path: Path) -> None:
    data = tmp_path / "my data"
    assert earlier_files_note(data) is None
    (data / "files" / "ws_1").mkdir(parents=True)
    assert earlier_files_note(data) is None, "there is no file"
    (data / "files" / "ws_1" / "sales.csv").touch()
    note = earlier_files_note(data)
    assert note is not None
    assert f"kasal-platform import-files '{data}/files'" in note
    assert "\n" not in note


def test_the_url_of_the_databases_names_their_folder(tmp_path: Path) -> None:
    assert databases_url(tmp_path / "a b") == f"sqlite://{tmp_path}/a%20b/db"


def test_the_sockets_that_a_killed_process_left_are_replaced_by_the_next(tmp_path: Path) -> None:
    folder = sockets_for(tmp_path)
    try:
        (folder / "auth.sock").touch()
        assert sockets_for(tmp_path) == folder
        assert not any(folder.iterdir())
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(folder)


def test_sockets_never_lie_in_a_folder_that_somebody_else_has_made(tmp_path: Path) -> None:
    taken = sockets_for(tmp_path)
    taken.rmdir()
    taken.symlink_to(tmp_path)
    try:
        folder = sockets_for(tmp_path)
        assert folder != taken
        assert folder.stat().st_mode & 0o777 == 0o700
        folder.rmdir()
    finally:
        taken.unlink()
