"""A database client ends when it is told to, and what fails on it is counted."""

import asyncio
from datetime import timedelta

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NotPrimaryError,
    OperationFailure,
    WriteConcernError,
    WriteError,
)
from pymongo.monitoring import CommandFailedEvent, ServerHeartbeatFailedEvent

from common.settings import MongoSettings
from common.storage import mongo


async def test_a_client_whose_monitors_hang_closes_all_the_same(monkeypatch) -> None:
    monkeypatch.setattr(mongo, "_CLOSING", 0.01)
    cut_off = asyncio.Event()

    async def hang(_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cut_off.set()

    client = mongo.connect(MongoSettings(mongo_url="mongodb://127.0.0.1:1"))
    with monkeypatch.context() as patched:
        patched.setattr(AsyncMongoClient, "close", hang)
        await client.close()
    assert cut_off.is_set()
    await client.close()


async def test_what_a_database_refuses_or_does_not_answer_is_counted(telemetry) -> None:
    listener = mongo.StoreErrors(telemetry)
    address, took = ("127.0.0.1", 1), timedelta(milliseconds=1)

    def fail(failure: dict[str, object]) -> None:
        listener.failed(CommandFailedEvent(took, failure, "update", 1, address, 1))

    fail({"ok": 0, "codeName": "MaxTimeMSExpired"})
    fail({"errmsg": "lost", "errtype": "AutoReconnect"})
    fail({"errmsg": "", "errtype": "CancelledError"})
    listener.failed(ServerHeartbeatFailedEvent(0.1, AutoReconnect("away"), address))

    def counted(operation: str, kind: str) -> float | None:
        labels = {"service_name": "test", "db_operation_name": operation, "error_type": kind}
        return telemetry.registry.get_sample_value("kasal_db_errors_total", labels)

    assert counted("update", "MaxTimeMSExpired") == 1
    assert counted("update", "AutoReconnect") == 1
    assert counted("update", "CancelledError") is None
    assert counted("heartbeat", "AutoReconnect") == 1


@pytest.mark.parametrize(
    "fault",
    [
        WriteError("full", 14_031),
        OperationFailure("panic", 1),
        OperationFailure("stepped down", 189),
        NotPrimaryError("not primary"),
        OperationFailure("slow", 262),
        WriteConcernError("majority", 64),
        BulkWriteError({"writeErrors": [{"code": 14_031, "errmsg": "full"}]}),
        BulkWriteError({"writeConcernErrors": [{"code": 91, "errmsg": "ending"}]}),
    ],
)
def test_a_database_that_cannot_now_is_as_good_as_away(fault) -> None:
    assert mongo.is_away(fault)


@pytest.mark.parametrize(
    "fault",
    [
        DuplicateKeyError("twice", 11_000),
        OperationFailure("bad query", 2),
        BulkWriteError({"writeErrors": [{"code": 11_000}]}),
        ValueError("ours"),
    ],
)
def test_a_refusal_of_what_was_asked_is_not(fault) -> None:
    assert not mongo.is_away(fault)


class Held:
    """A database whose reads wait for `go`, and raise `fault`."""

    def __init__(self) -> None:
        self.reads, self.go, self.fault = 0, asyncio.Event(), None

    def __getitem__(self, _: str) -> "Held":
        return self

    async def find_one(self, *_: object) -> None:
        self.reads += 1
        await self.go.wait()
        if self.fault is not None:
            raise self.fault


async def test_one_read_answers_all_who_ask_whether_a_database_serves(monkeypatch) -> None:
    held = Held()
    serving = mongo.Serving(held)
    asking = [asyncio.create_task(serving()) for _ in range(5)]
    await asyncio.sleep(0)
    asking.pop().cancel()  # one that goes away takes nobody with it
    held.go.set()
    await asyncio.gather(*asking)
    await serving()
    assert held.reads == 1
    monkeypatch.setattr(mongo, "_SEEN_FOR", -1.0)
    held.fault = OperationFailure("panic", 1)
    with pytest.raises(OperationFailure):
        await serving()
    assert held.reads == 2
