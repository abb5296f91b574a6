"""Whether a file is whole: read from end to end, by SQLite's own check."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

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
