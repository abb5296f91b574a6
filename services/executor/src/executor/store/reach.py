"""Driver errors in the domain's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import ConnectionFailure, ExecutionTimeout, PyMongoError, WTimeoutError

from common.errors import Unavailable


@contextmanager
def reaching() -> Iterator[None]:
    """Turn what the driver raises while the database is away into `Unavailable`."""
    try:
        yield
    except (ConnectionFailure, ExecutionTimeout, WTimeoutError) as fault:
        raise Unavailable("The database does not answer.") from fault
    except PyMongoError as fault:
        if fault.timeout:
            raise Unavailable("The database does not answer in time.") from fault
        raise
