"""Connections to MongoDB, and what its documents and errors look like to the stores."""

from typing import Any

from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from common.settings import MongoSettings

Document = dict[str, Any]
Database = AsyncDatabase[Document]


def connect(settings: MongoSettings) -> AsyncMongoClient[Document]:
    """Return a client of `settings.mongo_url`; it connects when first used.

    Times come back aware, in UTC. Writes are acknowledged by a majority.
    """
    return AsyncMongoClient(
        settings.mongo_url,
        tz_aware=True,
        w="majority",
        serverSelectionTimeoutMS=settings.mongo_timeout_ms,
        timeoutMS=settings.mongo_timeout_ms,
        appname="kasal",
    )


def database(client: AsyncMongoClient[Document], settings: MongoSettings, name: str) -> Database:
    """Return the database of the service `name`: nobody else opens it."""
    options: CodecOptions[Document] = CodecOptions(tz_aware=True)
    return client.get_database(settings.mongo_database_prefix + name, codec_options=options)
