"""A database client ends when it is told to."""

import asyncio

from pymongo import AsyncMongoClient

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
