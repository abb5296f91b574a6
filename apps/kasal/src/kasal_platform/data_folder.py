"""The data folder of `run` (KASAL_DATA_DIR): what lies where, and the lock that gives it to one process.

The lock is `flock` on the file `lock`, so it ends with its process however that ends. The file holds the
number of that process, for people and messages.
"""

import contextlib
import fcntl
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TextIO

from common.backends import IN_FILES
from kasal_platform.swapping import finish_restore

BUS = "bus"
"""Whose file holds the messages of the bus, beside those of the services."""
_LOCK = "lock"
_EARLIER = "mongo"
"""Where releases before SQLite kept the data."""
_EARLIER_FILES = "files"
"""Where releases before files in the database kept them, with a folder for each workspace."""
_PATIENCE = 1.0
"""Seconds to try for the lock while no living process is named: somebody looks who holds it, or just begins."""
_POLL = 0.02


class FolderRefused(Exception):  # noqa: N818 - it says what happened
    """The folder cannot be used now, or not by this command; the text is one plain line."""


def databases_in(data_dir: Path) -> Path:
    """Return the folder of the services' databases."""
    return data_dir / "db"


def database_file(data_dir: Path, service: str) -> Path:
    """Return the file of a service's database."""
    return databases_in(data_dir) / f"{service}.sqlite"


def databases_url(data_dir: Path) -> str:
    """Return the URL (KASAL_MONGO_URL, KASAL_AMQP_URL) of the databases and the bus in the folder, for services in one process."""
    return IN_FILES + databases_in(data_dir).resolve().as_uri().removeprefix("file://")


def sockets_for(data_dir: Path) -> Path:
    """Make an empty folder for the sockets of the process that has the data folder; only its user can open it.

    It is in the system's temporary folder, since the path of a Unix socket has at most 104 bytes. Its name
    follows from the data folder's, so that what a killed process left is replaced by the next one.
    """
    told = f"{os.getuid()} {data_dir.resolve()}".encode()
    folder = Path(tempfile.gettempdir()) / f"kasal-{sha256(told).hexdigest()[:16]}"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
    except OSError:  # it is somebody else's, who may not even want us to have it
        return Path(tempfile.mkdtemp(prefix="kasal-"))
    return folder


@contextlib.contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Have the folder to oneself for the block; make it if it is missing, and finish an interrupted restore.

    Raises `FolderRefused` if another process has it, or it cannot be written.
    """
    with _open_lock(data_dir) as held:
        _take(held, data_dir)
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        try:
            finish_restore(databases_in(data_dir))
            yield
        finally:
            held.truncate(0)


def _open_lock(data_dir: Path) -> TextIO:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return (data_dir / _LOCK).open("a+")
    except OSError as fault:
        raise FolderRefused(
            f"{data_dir} cannot be written ({fault.strerror}): check its owner and how it is mounted, or name"
            " another folder in KASAL_DATA_DIR."
        ) from None


def _take(held: TextIO, data_dir: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _living_process(held)
            if pid is not None or time.monotonic() > until:
                who = "another process" if pid is None else f"process {pid}"
                raise FolderRefused(
                    f"{data_dir} is in use by {who}: stop it first, or name another folder"
                    " in KASAL_DATA_DIR."
                ) from None
            time.sleep(_POLL)
        else:
            return


def holder(data_dir: Path) -> int | None:
    """Return the number of the process that has the folder, 0 if it is not known, or None."""
    try:
        with (data_dir / _LOCK).open() as looked_at:
            try:
                fcntl.flock(looked_at, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _living_process(looked_at) or 0
    except FileNotFoundError:
        pass
    return None


def _living_process(held: TextIO) -> int | None:
    """Return the process that the file names, unless that has ended."""
    held.seek(0)
    noted = held.read(20).strip()
    if not noted.isdecimal():
        return None
    try:
        os.kill(int(noted), 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # it is somebody else's, and alive
        return int(noted)
    return int(noted)


def refuse_earlier_data(data_dir: Path) -> None:
    """Raise `FolderRefused` if the folder has data of an earlier release and none of this one."""
    earlier, databases = data_dir / _EARLIER, databases_in(data_dir)
    if earlier.is_dir() and not (databases.is_dir() and any(databases.glob("*.sqlite"))):
        raise FolderRefused(
            f"{earlier} holds the data of an earlier release: bring it over with `make import-data`,"
            " or move that folder away to start empty."
        )


def earlier_files_note(data_dir: Path) -> str | None:
    """Return how to bring over the files of an earlier release that lie in the folder, or None without any."""
    files = data_dir / _EARLIER_FILES
    with contextlib.suppress(OSError):
        if any(files.glob("ws_*/*")):
            return (
                f"{files} holds files of an earlier release, which nothing reads: "
                f"`kasal-platform import-files {shlex.quote(str(files))}` brings them over. Then move that folder away."
            )
    return None
