"""Brings over the data of releases that kept it in SecantusDB, in the folder `mongo` of their data folder.

SecantusDB is started on a copy, so the earlier data stays as it is. What it holds is saved as a backup is, and
restored into files. Nothing takes the place of what there is before all of it has been read again.
"""

import contextlib
import fcntl
import filecmp
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pymongo import MongoClient

from kasal_platform.backup.files_site import PREFIX, FilesSite
from kasal_platform.backup.plan import SERVICES, Beginning
from kasal_platform.backup.restoring import restore
from kasal_platform.backup.saving import save
from kasal_platform.backup.sources import Document, MongoSource
from kasal_platform.console import say
from kasal_platform.data_folder import hold
from kasal_platform.databases import BackupRefused
from kasal_platform.local import secantus
from kasal_platform.local.program import LocalProgram

_DATABASE = "mongo"
_SECRETS = "secrets.json"
_FILES = "files"
_VERSION = "0.7.0b3"
"""The SecantusDB that wrote the data."""


async def import_earlier(earlier: Path, data_dir: Path, *, drop: bool) -> None:
    """Bring the data in the folder `earlier` over into `data_dir`, which may be the same.

    It can be repeated after a kill at any moment. Raises `BackupRefused` if `data_dir` is not empty, unless told
    to `drop` what is there, or has secrets of its own.
    """
    _check_earlier(earlier, data_dir)
    with hold(data_dir), _room(data_dir) as room, _standing_still(earlier):
        say(f"reading {earlier / _DATABASE}, which stays as it is ...")
        shutil.copytree(earlier / _DATABASE / "data", room / _DATABASE / "data")
        with _running(secantus.program(room / _DATABASE)) as url:
            _save(url, room / "saved")
        _bring_secrets(earlier, data_dir)
        await restore(room / "saved", FilesSite(data_dir, is_held=True), drop=drop)
    say(f"brought over into {data_dir}. {earlier / _DATABASE} is not needed any more: remove it")


def _check_earlier(earlier: Path, data_dir: Path) -> None:
    if not (earlier / _DATABASE / "data").is_dir():
        raise BackupRefused(f"{earlier} holds no data of an earlier release (no {_DATABASE}/data).")
    if not (earlier / _SECRETS).is_file():
        raise BackupRefused(
            f"{earlier / _SECRETS} is missing: put it back first, since nothing that is encrypted can be read"
            " without it."
        )
    mine = data_dir / _SECRETS
    if mine.exists() and not filecmp.cmp(mine, earlier / _SECRETS, shallow=False):
        raise BackupRefused(
            f"{data_dir} has secrets of its own, with which the data of {earlier} cannot be read: name an empty"
            " folder in KASAL_DATA_DIR."
        )
    if not secantus.installed():
        raise BackupRefused(
            f"SecantusDB, which reads {earlier / _DATABASE}, is not installed:"
            f" run `{sys.executable} -m pip install secantusdb=={_VERSION}` and repeat."
        )


@contextlib.contextmanager
def _room(data_dir: Path) -> Iterator[Path]:
    """Yield an empty folder that is gone after the block; one of an import that was killed is open_empty."""
    room = data_dir / "import.partial"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(mode=0o700)
    try:
        yield room
    finally:
        shutil.rmtree(room)


@contextlib.contextmanager
def _standing_still(earlier: Path) -> Iterator[None]:
    """Keep an earlier release from starting on the data. Raises `BackupRefused` if one runs."""
    with (earlier / _DATABASE / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(
                f"{earlier / _DATABASE} is in use: stop the platform that runs on it first."
            ) from None
        yield


@contextlib.contextmanager
def _running(program: LocalProgram) -> Iterator[str]:
    program.start()
    try:
        program.wait()
        yield program.url
    finally:
        program.stop()


def _save(url: str, folder: Path) -> None:
    with MongoClient[Document](url, tz_aware=True) as client:
        sources = {name: MongoSource(client[PREFIX + name]) for name in SERVICES}
        folder.mkdir(mode=0o700)
        save(sources, Beginning.of_snapshot(sources["executor"]), folder)


def _bring_secrets(earlier: Path, data_dir: Path) -> None:
    """Copy the secrets and the crews' files, if the data comes from another folder."""
    if earlier.resolve() == data_dir.resolve():
        return
    shutil.copy2(earlier / _SECRETS, data_dir / _SECRETS)
    if (earlier / _FILES).is_dir():
        shutil.copytree(earlier / _FILES, data_dir / _FILES, dirs_exist_ok=True)
