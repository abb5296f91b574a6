"""Connections to MongoDB, and how stores see its documents and errors."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pymongo
from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
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
from common.storage.ports import Collection, Database, Document
from common.telemetry import Telemetry

log = get_logger(__name__)

_CLOSING = 2.0
"""Seconds that closing a client may take."""

_READ_WITHIN = 2.0
"""Seconds that the read of a readiness check may take."""

_IDLE = 120.0
"""Seconds after which an idle connection is not reused.

SecantusDB and load balancers close connections that were idle for 300 s. PyMongo's async connections do
not notice, and the next write on one would fail.
"""


class Client(AsyncMongoClient[Document]):
    """A client that closes in bounded time.

    PyMongo's own `close` joins its monitors without a limit, and a stopping process must not wait for
    them.
    """

    async def close(self) -> None:
        try:
            async with asyncio.timeout(_CLOSING):
                await super().close()
        except TimeoutError:
            log.warning("the database client did not close in time", seconds=_CLOSING)


class StoreErrors(CommandListener, ServerHeartbeatListener):
    """Counts failed commands and unanswered heartbeats, by the kind of error.

    It counts only failures: timing each command would cost more than it is worth.
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
        if kind != "CancelledError":  # a caller that disconnected, or a run that was cut off
            self.count(operation, kind)

    def count(self, operation: str, kind: str) -> None:
        """Count an operation that failed with this kind of error."""
        self._errors.add(1, {"db.operation.name": operation, "error.type": kind})


def connect(
    settings: MongoSettings, telemetry: Telemetry | None = None, *, idle: float = _IDLE
) -> Client:
    """Return a client of `settings.mongo_url`; it connects when first used.

    Times are read as aware, in UTC. A write is acknowledged once a majority has it in the journal, so
    that it survives a crash. For MongoDB `majority` implies the journal. SecantusDB, unless asked for the
    journal too, loses what it acknowledged in the last 50 ms or so before it is killed. With `telemetry`,
    failures are counted. A connection that is idle for `idle` seconds is replaced.
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


def database(
    client: AsyncMongoClient[Document], settings: MongoSettings, name: str
) -> AsyncDatabase[Document]:
    """Return the database of the service `name`, which no other service opens."""
    options: CodecOptions[Document] = CodecOptions(tz_aware=True)
    return client.get_database(settings.mongo_database_prefix + name, codec_options=options)


_CANNOT_NOW = frozenset(
    {
        *(1, 8, 8_000),  # InternalError (SecantusDB's panic), UnknownError, Atlas: over its quota
        *(
            14_031,
            371,
            365,
            462,
        ),  # OutOfDiskSpace, UserWritesBlocked, TemporarilyUnavailable, too many
        *(10_107, 10_058, 13_435, 13_436, 189),  # not the primary, or not any more
        *(11_600, 11_602, 91, 94, 136),  # shutting down, starting, recovering
        *(50, 202, 262),  # MaxTimeMSExpired, NetworkInterfaceExceededTimeLimit, ExceededTimeLimit
        *(6, 7, 89, 9_001, 133),  # a node behind it cannot be reached
        *(64, 79, 100),  # the write concern cannot be met
        *(
            24,
            112,
            146,
            246,
            290,
        ),  # locks, conflicts, memory, snapshots, transactions: for the moment
    }
)
"""Codes by which a database says that it is up but cannot execute any such command now."""


def is_away(fault: BaseException) -> bool:
    """Return whether the driver raised `fault` because the database did not answer in time.

    A database that cannot answer now (its disk is full, it is not the primary, it has panicked) counts as
    down: the command may be retried.
    """
    if not isinstance(fault, PyMongoError):
        return False
    if isinstance(fault, ConnectionFailure) or fault.timeout:
        return True
    return isinstance(fault, OperationFailure) and any(map(_CANNOT_NOW.__contains__, _codes(fault)))


def _codes(fault: OperationFailure) -> Iterator[int]:
    """Return the codes of a failed command, of the writes in a batch, and of their write concern."""
    details: Mapping[str, Any] = fault.details or {}
    writes: list[Mapping[str, Any]] = [*details.get("writeErrors", ())]
    writes += details.get("writeConcernErrors", ())
    for part in ({"code": fault.code}, details.get("writeConcernError") or {}, *writes):
        code = part.get("code")
        if isinstance(code, int):
            yield code


_SEEN_FOR = 1.0
"""Seconds for which one readiness answer serves all callers."""


class Serving:
    """A readiness check: whether a service's database can be read.

    It reads a document, because a database whose storage has failed may still answer a `ping`. Then it does
    what `further` does. One read answers all concurrent callers, and those of the next second.
    """

    def __init__(
        self, database: Database, further: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._database = database
        self._further = further
        self._reading: asyncio.Task[None] | None = None
        self._ended = float("-inf")

    async def __call__(self) -> None:
        """Return if the database can be read; otherwise raise the driver's exception."""
        loop = asyncio.get_running_loop()
        reading = self._reading
        if reading is None or (reading.done() and loop.time() - self._ended > _SEEN_FOR):
            reading = self._reading = loop.create_task(self._read(), name="readiness")
            reading.add_done_callback(self._on_read_end)
        await asyncio.shield(reading)

    async def _read(self) -> None:
        with pymongo.timeout(_READ_WITHIN):
            await self._database["schema"].find_one({}, {"_id": 1})
        if self._further is not None:
            await self._further()

    def _on_read_end(self, reading: asyncio.Task[None]) -> None:
        self._ended = reading.get_loop().time()
        if not reading.cancelled():
            reading.exception()  # the callers have it; if nobody waited, it is not a bug


@dataclass(frozen=True, slots=True)
class OpenMongo:
    """A database with a client of its own. Fulfils `OpenDatabase`."""

    client: Client
    database: Database
    check: Serving

    async def close(self) -> None:
        await self.client.close()


def open_mongo(
    settings: MongoSettings, service: str, telemetry: Telemetry | None = None
) -> OpenMongo:
    """Return the database of a service on `settings.mongo_url`; it connects when first used."""
    client = connect(settings, telemetry)
    opened = database(client, settings, service)
    return OpenMongo(client, opened, Serving(opened))


async def ensure_index(
    collection: Collection, keys: str | Sequence[tuple[str, int]], **options: Any
) -> None:
    """Create an index unless one of that name exists; `options` are those of `create_index`.

    SecantusDB can lock up for good when an index is created during inserts into its collection (seen once
    in about 300 tries), so no process creates one that exists already.
    """
    pairs = [(keys, 1)] if isinstance(keys, str) else list(keys)
    model = IndexModel(pairs, **options)
    if model.document["name"] not in await collection.index_information():
        await collection.create_indexes([model])
