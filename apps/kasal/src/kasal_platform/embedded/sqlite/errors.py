"""SQLite's failures as PyMongo's exceptions, so that stores need no change."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from bson.errors import InvalidBSON
from pymongo.errors import (
    DuplicateKeyError,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WriteError,
)

COMMAND_NOT_FOUND = 59
DUPLICATE_KEY = 11_000
CANNOT_CREATE_INDEX = 67
INDEX_NOT_FOUND = 27
INDEX_OPTIONS_CONFLICT = 86
INVALID_ID = 53
INVALID_NAMESPACE = 73
INVALID_OPTIONS = 72
OBJECT_TOO_LARGE = 10_334
OUT_OF_DISK_SPACE = 14_031
OVERFLOW = 15
PARALLEL_ARRAYS = 171
SORT_TOO_LARGE = 292
TOO_LARGE = 17_419
"""What MongoDB answers if an update makes a document larger than 16 MiB."""
_BUSY = 24  # LockTimeout: for the moment
_DAMAGED = 267  # DataCorruptionDetected
_UNKNOWN = 1  # InternalError

_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_FOR_THE_MOMENT = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM})
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


FileFault = (sqlite3.Error, InvalidBSON)
"""What a file that fails raises: SQLite's own, and what stands where a document was."""


class FileDamaged(OperationFailure):
    """The file of a database is damaged; the text says which and what to do."""


def pymongo_error(fault: Exception, path: object) -> PyMongoError:
    """Return PyMongo's exception for a fault of the file `path`, or for a bug."""
    if isinstance(fault, InvalidBSON):
        return damage_error(path, f"a document cannot be read: {fault}")
    code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
    if code in _ROOM:
        return OperationFailure(
            f"{path} cannot be written or read: {fault}. Is its disk full?", OUT_OF_DISK_SPACE
        )
    if code in _FOR_THE_MOMENT:
        return OperationFailure(f"{path} is in use: {fault}.", _BUSY)
    if code in _BROKEN:
        return damage_error(path, fault)
    return OperationFailure(f"{path}: {fault!r}", _UNKNOWN)


def concerns_all(fault: Exception) -> bool:
    """Say whether a fault of one operation would be that of any other too, as on a full disk."""
    code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
    return code in _ROOM or code in _FOR_THE_MOMENT


def taken_back(path: object) -> OperationFailure:
    """Return what a caller gets whose write was taken back with another that failed: `is_away` recognises it."""
    return OperationFailure(f"{path}: taken back with another write, which failed.", _BUSY)


def damage_error(path: object, reason: object) -> FileDamaged:
    """Return the error for a damaged file."""
    return FileDamaged(
        f"{path} is damaged ({reason}). Stop the platform and bring the last backup back: "
        "`make restore FOLDER=... DROP=1` (docs/how-to/backup.md).",
        _DAMAGED,
    )


def too_late(seconds: float) -> NetworkTimeout:
    """Return what a caller gets who has waited for so long: `is_away` recognises it."""
    return NetworkTimeout(f"The embedded database did not answer within {seconds:g} s.")


def duplicate_key(
    place: str, index: str, pattern: Mapping[str, Any], value: Mapping[str, Any]
) -> DuplicateKeyError:
    """Return MongoDB's error for a second `value` in a unique index of the collection `place`."""
    shown = ", ".join(f"{name}: {_text_of(one)}" for name, one in value.items())
    text = f"E11000 duplicate key error collection: {place} index: {index} dup key: {{ {shown} }}"
    details = {
        "index": 0,
        "code": DUPLICATE_KEY,
        "errmsg": text,
        "keyPattern": dict(pattern),
        "keyValue": dict(value),
    }
    return DuplicateKeyError(text, DUPLICATE_KEY, details)


def _text_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def write_error(fault: OperationFailure) -> WriteError:
    """Return `fault` as the write of one document raises it."""
    if isinstance(fault, WriteError):
        return fault
    details = {"index": 0, "code": fault.code, "errmsg": str(fault.args[0])}
    return WriteError(str(fault.args[0]), fault.code, details)
