"""Whether files can be used: they are there, readable and writable, and whole by SQLite's own check."""

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pymongo.errors import ConfigurationError

from kasal_platform.embedded.sqlite.errors import damage_error, pymongo_error
from kasal_platform.embedded.sqlite.file import with_format

_STEPS = 20_000
"""Steps of SQLite's machine between two looks at the clock."""


def check_file(path: Path, seconds: float | None = None) -> bool:
    """Return whether the file was read to its end within `seconds`. It may be in use, and is not changed.

    Raises `FileDamaged`, `NotOurs` for one of a newer release or another program, and `PyMongoError` if it
    cannot be read.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA query_only = ON")
            with_format(connection, path)
            if seconds is not None:
                until = time.monotonic() + seconds
                connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return False
        raise pymongo_error(fault, path) from fault
    except sqlite3.Error as fault:
        raise pymongo_error(fault, path) from fault
    if found != "ok":
        raise damage_error(path, " ".join(found.split()))
    return True


class FileRefused(ConfigurationError):  # noqa: N818 - it says what happened
    """A file cannot be used by this process; the text says why and what to do."""


def check_presence(files: Sequence[Path]) -> None:
    """Check that `files`, which belong together, can be opened, and that none of them was lost.

    All are there before the first holds anything; a release that adds one has to make it in a migration of the
    others. Raises `FileRefused`, and `FileDamaged` for a file that is missing or empty.
    """
    for path in files:
        check_access(path)
    lost = [path for path in files if _is_empty(path)]
    if lost and any(_holds_documents(path) for path in files if path not in lost):
        raise damage_error(lost[0], "it is missing or empty, but those of other services are not")


def check_access(path: Path) -> None:
    """Check that the file can be opened, or made. Raises `FileRefused`."""
    if path.exists() and not path.is_file():
        raise FileRefused(
            f"{path} is no file: move it away, or name another folder in KASAL_DATA_DIR."
        )
    beside = [path.with_name(path.name + end) for end in ("-wal", "-shm")]
    for place in (path.parent, path, *beside):
        if place.exists() and not os.access(place, os.R_OK | os.W_OK):
            raise FileRefused(
                f"{place} cannot be read and written by this user: check its owner and how it is mounted, or name"
                " another folder in KASAL_DATA_DIR."
            )


def _is_empty(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return not any(file.exists() and file.stat().st_size for file in (path, log))


def _holds_documents(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA query_only = ON")
            return connection.execute("SELECT 1 FROM catalog LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return True  # whatever it is, it is not a new one
