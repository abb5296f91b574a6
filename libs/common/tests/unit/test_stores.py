"""What a driver raises leaves a store as an error of ours."""

import pytest
from pymongo.errors import DuplicateKeyError, NetworkTimeout, OperationFailure, PyMongoError
from structlog.testing import capture_logs

from common.errors import DatabaseUnavailable, InternalError, KasalError
from common.storage.stores import mongo_store


@mongo_store
class Shelf:
    """A store whose driver raises `fault`."""

    def __init__(self, fault: PyMongoError) -> None:
        self._fault = fault

    async def put(self) -> None:
        raise self._fault

    async def put_once(self) -> bool:
        try:
            await self._insert()
        except DuplicateKeyError:
            return False
        return True

    async def _insert(self) -> None:
        raise self._fault


@pytest.mark.parametrize(
    ("fault", "error", "logged"),
    [
        (NetworkTimeout("mongo:27017"), DatabaseUnavailable, []),
        (OperationFailure("not primary", 10_107), DatabaseUnavailable, []),
        (OperationFailure("a secret", 2), InternalError, ["a database call failed"]),
    ],
)
async def test_no_driver_error_leaves_a_store(
    fault: PyMongoError, error: type[KasalError], logged: list[str]
) -> None:
    with capture_logs() as logs, pytest.raises(error) as raised:
        await Shelf(fault).put()
    assert raised.value.__cause__ is fault
    assert "secret" not in raised.value.message
    assert [line["event"] for line in logs] == logged  # a request logs the others, once


async def test_a_store_still_sees_what_its_driver_raises() -> None:
    assert not await Shelf(DuplicateKeyError("taken")).put_once()
