"""A database client ends when it is told to, and what fails on it is counted."""

import asyncio
from datetime import timedelta

from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect
from pymongo.monitoring import CommandFailedEvent, ServerHeartbeatFailedEvent

from common import mongo
from common.settings import MongoSettings


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
