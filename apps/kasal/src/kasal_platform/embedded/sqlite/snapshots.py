"""Copies of files that a running platform writes to, each as of one moment.

SQLite's backup API copies a file in steps. It begins anew when the file is written to meanwhile, unless a read
transaction pins what it sees: the writer then goes on, and what it commits stays in the WAL until the copy is
done.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bson

from kasal_platform.embedded.sqlite.errors import pymongo_error
from kasal_platform.embedded.sqlite.file import APPLICATION_ID, NotOurs

Document = dict[str, Any]

_STEP = 1_024
"""Pages that one step copies: 4 MB."""


class Snapshot:
    """The copy of a database. Fulfils `kasal_platform.backup.sources.BackupSource`."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self.name = name

    def collections(self) -> Sequence[str]:
        """Return the names of the collections."""
        found = self._connection.execute("SELECT collection FROM catalog WHERE definition IS NULL")
        return [name for (name,) in found]

    def documents(self, collection: str) -> Iterator[bytes]:
        """Yield the documents of a collection as BSON, in the order in which they were inserted."""
        number = self._connection.execute(
            "SELECT number FROM catalog WHERE definition IS NULL AND collection = ?", (collection,)
        ).fetchone()
        if number is None:
            return
        for (document,) in self._connection.execute(f"SELECT doc FROM c{number[0]} ORDER BY row"):
            yield document

    def indexes(self, collection: str) -> Sequence[Document]:
        """Return the indexes of a collection as MongoDB lists them."""
        found = self._connection.execute(
            "SELECT definition FROM catalog WHERE definition IS NOT NULL AND collection = ?",
            (collection,),
        )
        primary = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
        return [primary, *({"v": 2, **bson.decode(definition)} for (definition,) in found)]


@contextlib.contextmanager
def snapshots(files: Mapping[str, Path], room: Path) -> Iterator[Mapping[str, Snapshot]]:
    """Yield copies of `files`, by their names. They lie in `room` until the block ends.

    All files are pinned before the first is copied, in their order. Raises `PyMongoError` for a damaged file
    or a full disk, and `FileNotFoundError`.
    """
    with ExitStack() as stack:
        pins = {name: stack.enter_context(_pin(path)) for name, path in files.items()}
        copies = {}
        for name, pin in pins.items():
            copy = stack.enter_context(_open(room / f"{name}.sqlite"))
            _copy(pin, copy, files[name])
            copies[name] = Snapshot(copy, name)
        yield copies


@contextlib.contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def _pin(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that sees the file as it is now."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: is KASAL_DATA_DIR right?")
    with _open(path) as connection:
        try:
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            if owner != APPLICATION_ID:
                raise NotOurs(f"{path} is a database of another program, or empty.")
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM catalog").fetchone()
        except sqlite3.Error as fault:
            raise pymongo_error(fault, path) from fault
        yield connection


def _copy(pin: sqlite3.Connection, copy: sqlite3.Connection, path: Path) -> None:
    """Copy what `pin` sees, let it go, and check the copy."""
    try:
        copy.execute("PRAGMA synchronous = OFF")  # it lasts no longer than the backup
        pin.backup(copy, pages=_STEP)
        pin.execute("ROLLBACK")
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as fault:
        raise pymongo_error(fault, path) from fault
    if found != ("ok",):
        raise pymongo_error(_corrupt(found[0]), path)


def _corrupt(found: str) -> sqlite3.DatabaseError:
    fault = sqlite3.DatabaseError(found.splitlines()[-1])
    fault.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return fault
