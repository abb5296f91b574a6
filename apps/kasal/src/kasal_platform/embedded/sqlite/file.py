"""One file of documents: how it is opened, and the threads that write and read it."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from pymongo.errors import ConfigurationError

from common.logs import get_logger
from kasal_platform.embedded.sqlite.catalog import SCHEMA, Table
from kasal_platform.embedded.sqlite.errors import pymongo_error
from kasal_platform.embedded.sqlite.expiring import Sweep
from kasal_platform.embedded.sqlite.reader import Reader
from kasal_platform.embedded.sqlite.reading import View
from kasal_platform.embedded.sqlite.scanning import Observe
from kasal_platform.embedded.sqlite.session import WriteSession
from kasal_platform.embedded.sqlite.writer import Work, Writer

log = get_logger(__name__)

APPLICATION_ID = 0x4B41534C
"""`KASL`, in the file's header: so that `file` and we know what it is."""
FORMAT = 1
"""The format that this code writes, and the newest that it reads."""
OLDEST_SQLITE = (3, 37, 0)
"""The first with tables that are `STRICT` (2021)."""
_STATEMENTS = 512
_LOG_PAGES = 4_000
"""Pages of the log (16 MB) after which the writer moves it into the file: that waits for the disk."""
_BUSY_SECONDS = 5.0
_SWEEP_EVERY = 60.0
_CLOSING = 10.0
"""Seconds that writes which wait may take at the end."""


class NotOurs(ConfigurationError):  # noqa: N818 - it says what happened
    """The file is of another program, or of a newer release of this one; the text says which."""


class File:
    """An open file with one thread that writes and one that reads. Raises `PyMongoError` if it fails."""

    def __init__(
        self,
        path: Path,
        *,
        durable: bool = False,
        sweep_every: float = _SWEEP_EVERY,
        chore: Work | None = None,
        observe: Observe | None = None,
    ) -> None:
        self.path = path
        self._observe = observe
        self.name = path.stem
        self._durable = durable
        self._tables: Mapping[str, Table] = {}
        self._writer = Writer(self._session, path, self._publish, chore or Sweep(), sweep_every)
        self._reader = Reader(self._view, path)
        self.writes = self._writer.line
        self.reads = self._reader.line

    def open(self) -> None:
        """Open it, or make it. Raises `NotOurs`, or `PyMongoError` for a damaged file or a full disk."""
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            oldest = ".".join(map(str, OLDEST_SQLITE))
            raise ConfigurationError(
                f"This Python has SQLite {sqlite3.sqlite_version}, and {oldest} is needed:"
                " take another build of Python."
            )
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._writer.start()
            self._reader.start()
        except sqlite3.Error as fault:
            self.close()
            raise pymongo_error(fault, self.path) from fault
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Carry out what waits, in bounded time, and close. Calls after it get `AutoReconnect`.

        The writer ends last: SQLite moves the log into the file when the last connection closes, and a
        reader's connection may not write.
        """
        for line, thread in ((self.reads, self._reader), (self.writes, self._writer)):
            line.close()
            if not thread.join(_CLOSING):
                log.error("a file did not close in time", path=str(self.path), seconds=_CLOSING)

    @property
    def failing(self) -> BaseException | None:
        """Why the last writes failed, None if they did not."""
        return self._writer.failing

    def _publish(self, session: WriteSession) -> None:
        self._tables = session.catalog.tables

    def _session(self) -> WriteSession:
        connection = connection_to(self.path, durable=self._durable)
        try:
            with_format(connection, self.path)
            session = WriteSession(connection, self.name, self._observe)
        except BaseException:
            connection.close()
            raise
        self._publish(session)
        return session

    def _view(self) -> "Viewer":
        connection = connection_to(self.path)
        connection.execute("PRAGMA query_only = ON")
        return Viewer(connection, self)

    def view(self, connection: sqlite3.Connection) -> View:
        return View(connection, self._tables, self._observe)


class Viewer:
    """A reader's connection, with the collections as the last commit left them."""

    def __init__(self, connection: sqlite3.Connection, file: File) -> None:
        self.connection = connection
        self._file = file

    def view(self) -> View:
        return self._file.view(self.connection)


def connection_to(path: Path, *, durable: bool = False) -> sqlite3.Connection:
    """Return a connection to the file for the thread that calls.

    In WAL, `synchronous=NORMAL` keeps what was acknowledged when the process is killed; a power cut may take
    the last commits, and never damages the file. With `durable` each commit is on the disk.
    """
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        cached_statements=_STATEMENTS,
        check_same_thread=True,
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA cache_size = -2048")
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def with_format(connection: sqlite3.Connection, path: Path) -> None:
    """Check the file's format; give an empty one ours. Raises `NotOurs`."""
    (known,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if known == APPLICATION_ID:
        if version > FORMAT:
            raise NotOurs(
                f"{path} was written by a newer release (format {version}, this one reads {FORMAT}):"
                " start that one, or restore a backup of this one."
            )
        return
    if known or version or tables:
        raise NotOurs(f"{path} is a database of another program: name another folder.")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(SCHEMA)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
