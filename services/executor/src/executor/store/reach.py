"""Driver errors in the domain's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import DocumentTooLarge, OperationFailure, PyMongoError

from common.errors import Unavailable
from common.mongo import is_away
from executor.domain.log.journal import TooLarge

_TOO_LARGE = frozenset({10_334, 17_280, 17_419, 17_420})
"""MongoDB's codes for a document that is, or would become, larger than 16 MiB."""


@contextmanager
def reaching() -> Iterator[None]:
    """Turn what the driver raises while the database is away into `Unavailable`.

    And what it raises for a document that it cannot hold into `TooLarge`.
    """
    try:
        yield
    except DocumentTooLarge as fault:
        raise too_large() from fault
    except PyMongoError as fault:
        if is_away(fault):
            raise Unavailable("The database does not answer.") from fault
        if isinstance(fault, OperationFailure) and fault.code in _TOO_LARGE:
            raise too_large() from fault
        raise


def too_large() -> TooLarge:
    return TooLarge("The job has more bytes than the database can hold in one document.")


def is_too_large(code: object) -> bool:
    """Say whether this is the code of a write that made a document too large."""
    return code in _TOO_LARGE
