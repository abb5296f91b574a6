"""Driver errors in the domain's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import PyMongoError

from common.errors import Unavailable
from common.mongo import is_away


@contextmanager
def reaching() -> Iterator[None]:
    """Turn what the driver raises while the database is away into `Unavailable`."""
    try:
        yield
    except PyMongoError as fault:
        if is_away(fault):
            raise Unavailable("The database does not answer.") from fault
        raise
