"""What fails on a real database connection is counted; what succeeds is not."""

import asyncio

import pytest
from prometheus_client import generate_latest
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from common.settings import MongoSettings
from common.storage.mongo import connect
from kasal_platform.local.program import free_port


async def test_a_command_that_the_database_refuses_is_counted(mongo_url, telemetry) -> None:
    client = connect(MongoSettings(mongo_url=mongo_url), telemetry)
    await client.admin.command("ping")
    assert b"kasal_db_errors_total" not in generate_latest(telemetry.registry)
    with pytest.raises(OperationFailure):
        await client.admin.command("noSuchCommand")
    await client.close()
    text = generate_latest(telemetry.registry).decode()
    assert 'kasal_db_errors_total{db_operation_name="noSuchCommand"' in text


async def test_a_client_that_reaches_nobody_counts_its_heartbeats(telemetry) -> None:
    url = f"mongodb://127.0.0.1:{free_port()}"
    client = connect(MongoSettings(mongo_url=url, mongo_timeout_ms=200), telemetry)
    counted = b'kasal_db_errors_total{db_operation_name="heartbeat"'
    async with asyncio.timeout(60):  # a heartbeat may take longer to fail than a command to give up
        while counted not in generate_latest(telemetry.registry):
            with pytest.raises(ServerSelectionTimeoutError):
                await client.admin.command("ping")
    await client.close()
