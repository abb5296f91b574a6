"""Connections to MongoDB, and what its documents and errors look like to the stores."""

import asyncio
from collections.abc import Sequence
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, PyMongoError
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
    ServerHeartbeatFailedEvent,
    ServerHeartbeatListener,
    ServerHeartbeatStartedEvent,
    ServerHeartbeatSucceededEvent,
)

from common.logs import get_logger
from common.settings import MongoSettings
from common.telemetry import Telemetry

log = get_logger(__name__)

Document = dict[str, Any]
Database = AsyncDatabase[Document]
Collection = AsyncCollection[Document]

_CLOSING = 2.0
"""Seconds that closing a client may take."""

_IDLE = 120.0
"""Seconds after which a connection that nobody used is not used again.

SecantusDB hangs up on a client that was silent for 300 s, and so do load balancers; PyMongo's async
connections do not notice, and the next write on one would fail.
"""


class Client(AsyncMongoClient[Document]):
    """A client that closes in bounded time.

    PyMongo's own `close` joins its monitors without a limit, and a process that is told to stop must
    not wait for them.
    """

    async def close(self) -> None:
        try:
            async with asyncio.timeout(_CLOSING):
                await super().close()
        except TimeoutError:
            log.warning("the database client did not close in time", seconds=_CLOSING)


class StoreErrors(CommandListener, ServerHeartbeatListener):
    """Counts commands that fail and heartbeats that get no answer, by the kind of error.

    Only failures are counted: a duration of each command would cost more than it tells.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._errors = telemetry.meter.create_counter(
            "kasal.db.errors", description="Database commands and heartbeats that failed"
        )

    def started(self, event: CommandStartedEvent | ServerHeartbeatStartedEvent) -> None:
        pass

    def succeeded(self, event: CommandSucceededEvent | ServerHeartbeatSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent | ServerHeartbeatFailedEvent) -> None:
        if isinstance(event, ServerHeartbeatFailedEvent):
            operation, kind = "heartbeat", type(event.reply).__name__
        else:
            operation = event.command_name
            failure = event.failure
            kind = str(failure.get("codeName") or failure.get("errtype") or "_OTHER")
        if kind == "CancelledError":  # a caller that went away, or a run that was cut off
            return
        self._errors.add(1, {"db.operation.name": operation, "error.type": kind})


def connect(
    settings: MongoSettings, telemetry: Telemetry | None = None, *, idle: float = _IDLE
) -> Client:
    """Return a client of `settings.mongo_url`; it connects when first used.

    Times come back aware, in UTC. A write is acknowledged once a majority has it in the journal, so
    that it outlives a crash. MongoDB means that by `majority` anyway; SecantusDB, unless asked for the
    journal too, loses what it acknowledged in the 50 ms or so before it is killed. With `telemetry`, what
    fails is counted. A connection that nobody used for `idle` seconds is replaced.
    """
    return Client(
        settings.mongo_url,
        tz_aware=True,
        w="majority",
        journal=True,
        serverSelectionTimeoutMS=settings.mongo_timeout_ms,
        timeoutMS=settings.mongo_timeout_ms,
        maxIdleTimeMS=round(idle * 1000),
        appname="kasal",
        event_listeners=[StoreErrors(telemetry)] if telemetry is not None else [],
    )


def database(client: AsyncMongoClient[Document], settings: MongoSettings, name: str) -> Database:
    """Return the database of the service `name`: nobody else opens it."""
    options: CodecOptions[Document] = CodecOptions(tz_aware=True)
    return client.get_database(settings.mongo_database_prefix + name, codec_options=options)


async def is_secantus(database: Database) -> bool:
    """Say whether the database is SecantusDB, which neither sorts nor limits from an index."""
    return "secantusVersion" in await database.command("buildInfo")


def is_away(fault: BaseException) -> bool:
    """Say whether the driver raised `fault` because the database did not answer, or not in time."""
    return isinstance(fault, PyMongoError) and (
        isinstance(fault, ConnectionFailure) or fault.timeout
    )


async def ensure_index(
    collection: AsyncCollection[Document], keys: str | Sequence[tuple[str, int]], **options: Any
) -> None:
    """Make an index unless one of its name is there; `options` are those of `create_index`.

    SecantusDB can lock up for good when an index is made while others insert into its collection
    (seen once in some 300 tries), so no process asks for one that is there already.
    """
    pairs = [(keys, 1)] if isinstance(keys, str) else list(keys)
    model = IndexModel(pairs, **options)
    if model.document["name"] not in await collection.index_information():
        await collection.create_indexes([model])
