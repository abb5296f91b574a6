"""Translates the driver's errors into our own."""

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo.errors import DocumentTooLarge, OperationFailure, PyMongoError

from common.errors import DatabaseUnavailable, InternalError, KasalError
from common.logs import get_logger
from common.storage.mongo import is_away
from executor.domain.log.journal import TooLarge

log = get_logger(__name__)

_TOO_LARGE = frozenset({10_334, 17_280, 17_419, 17_420})
"""MongoDB's codes for a document that is, or would become, larger than 16 MiB."""


@contextmanager
def reaching() -> Iterator[None]:
    """Translate the driver's errors into ours: see `our_error`."""
    try:
        yield
    except (PyMongoError, BSONError) as fault:
        raise our_error(fault) from fault


def our_error(fault: PyMongoError | BSONError) -> KasalError | TooLarge:
    """Return our error for one of the driver's.

    `TooLarge` for a document that the database cannot hold, `DatabaseUnavailable` while it is away. All others
    are bugs: they are logged and become `InternalError`.
    """
    code = fault.code if isinstance(fault, OperationFailure) else None
    if isinstance(fault, DocumentTooLarge):
        return too_large()
    if is_away(fault):
        return DatabaseUnavailable()
    if is_too_large(code):
        return too_large()
    log.error("a database call failed", exc_info=fault)
    return InternalError()


def too_large() -> TooLarge:
    return TooLarge("The job has more bytes than the database can hold in one document.")


def is_too_large(code: object) -> bool:
    """Say whether this is the code of a write that made a document too large."""
    return code in _TOO_LARGE
