"""The file of the durable queues: what was confirmed is in it until it has been handled."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson.errors import BSONError, InvalidDocument
from pymongo.errors import BulkWriteError, PyMongoError, WriteError

from common.bus import BusUnavailable, Message
from common.process.background import Background
from common.storage.grouping import Grouped
from common.storage.ports import Collection, OpenDatabase

_LINGER = 0.5
"""Seconds in which handled messages gather, to be removed together. Some of them may come again after a kill."""
_PAUSE = 1.0
"""Seconds until messages are removed after that was not possible."""
_AT_ONCE = 500
"""Messages that are removed together."""
_MOST_BYTES = 1024 * 1024
"""Bytes of bodies that are inserted together: more would hold the event loop up. A larger one goes alone."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message in a durable queue. `number` is its own in the file, None if it is only in memory."""

    message: Message
    number: int | None = None


class QueueFile:
    """Keeps the messages of all durable queues in one collection, in order.

    `open_database` is called by `open`.
    """

    def __init__(self, open_database: Callable[[], OpenDatabase]) -> None:
        self._open_database = open_database
        self._database: OpenDatabase | None = None
        self._last = 0
        self._adding = Grouped(self._add_all)
        self._publishing: set[int] = set()
        self._handled: list[int] = []
        self._removing = Background()

    @property
    def _messages(self) -> Collection:
        if self._database is None:
            raise BusUnavailable("The bus is not started.")
        return self._database.database["messages"]

    async def open(self) -> AsyncIterator[tuple[str, QueuedMessage]]:
        """Open it, and yield the messages that it holds, with their queues' names. Raises `BusUnavailable`."""
        if self._database is None:
            self._database = self._open_database()
        try:
            async for document in self._messages.find({}).sort("_id", 1):
                self._last = max(self._last, document["_id"])
                yield document["queue"], _message_in(document)
        except PyMongoError as fault:
            raise BusUnavailable(f"The messages of the bus cannot be read: {fault}") from None

    async def add(self, queue: str, message: Message) -> QueuedMessage:
        """Return `message` once it is in the file. Raises `BusUnavailable`."""
        self._last = number = self._last + 1
        self._publishing.add(number)
        try:
            await self._adding(_document(number, queue, message))
        except (WriteError, InvalidDocument):  # it never fits
            raise
        except BaseException as fault:
            self.remove(number)  # it may be written yet, and its publisher is told that it is not
            if not isinstance(fault, PyMongoError):
                raise
            raise BusUnavailable(f"The bus cannot keep a message now: {fault}") from None
        finally:
            self._publishing.discard(number)
        return QueuedMessage(message, number)

    async def _add_all(self, documents: Sequence[dict[str, Any]]) -> Sequence[Exception | None]:
        faults: list[Exception | None] = []
        for part in _parts(documents):
            faults += await self._add_part(part)
        return faults

    async def _add_part(self, documents: Sequence[dict[str, Any]]) -> Sequence[Exception | None]:
        """Write what is published at once by one insertion; if it fails, each alone, so that each gets its own fault."""
        messages = self._messages
        # The others' publishers have given up: nothing would remove them from the file again.
        wanted = [one for one in documents if one["_id"] in self._publishing]
        if len(wanted) > 1:
            try:
                await messages.insert_many(wanted)
            except (BulkWriteError, BSONError, ValueError, OverflowError):
                await messages.delete_many({"_id": {"$in": [one["_id"] for one in wanted]}})
            else:
                return [None] * len(documents)
        return [await self._add_one(one) for one in documents]

    async def _add_one(self, document: dict[str, Any]) -> Exception | None:
        if document["_id"] not in self._publishing:
            return None
        return await _fault_of(self._messages.insert_one(document))

    def remove(self, number: int) -> None:
        """Remove the message with this number, in a moment."""
        self._handled.append(number)
        if not self._removing:
            self._removing.start(self._remove_handled(), name="remove handled messages")

    async def _remove_handled(self) -> None:
        pause = _LINGER
        while self._handled and self._database is not None:
            await asyncio.sleep(pause)
            pause = _LINGER if await self._remove() else _PAUSE

    async def _remove(self) -> bool:
        """Remove some of the handled messages, and say whether that was possible."""
        handled = self._handled[:_AT_ONCE]
        try:
            await self._messages.delete_many({"_id": {"$in": handled}})
        except PyMongoError:  # the disk is full, for example; the file's writer has told
            return False
        del self._handled[: len(handled)]
        return True

    async def close(self) -> None:
        """Remove what was handled, and close."""
        await self._removing.close()
        while self._handled and await self._remove():
            pass
        database, self._database = self._database, None
        if database is not None:
            await database.close()


def _parts(documents: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    """Split what is published at once: one insertion encodes all it has on the event loop."""
    begin = size = 0
    for place, document in enumerate(documents):
        size += len(document["body"])
        if size > _MOST_BYTES and place > begin:
            yield documents[begin:place]
            begin, size = place, len(document["body"])
    yield documents[begin:]


async def _fault_of(work: Awaitable[object]) -> Exception | None:
    try:
        await work
    except Exception as fault:  # noqa: BLE001 - raised again for its caller
        return fault
    return None


def damage_text(path: Path) -> str:
    """Return what to do about a damaged file: no backup has one."""
    return (
        f"{path} is damaged. It holds only what services had not told one another yet: stop the platform, and move it"
        f" away together with {path.name}-wal and {path.name}-shm."
    )


def _document(number: int, queue: str, message: Message) -> dict[str, Any]:
    return {
        "_id": number,
        "queue": queue,
        "type": message.type,
        "body": message.body,
        "message_id": message.message_id,
        "correlation_id": message.correlation_id,
        "timestamp": message.timestamp,
        "headers": dict(message.headers),
        "routing_key": message.routing_key,
    }


def _message_in(document: Mapping[str, Any]) -> QueuedMessage:
    message = Message(
        type=document["type"],
        body=bytes(document["body"]),
        message_id=document["message_id"],
        correlation_id=document["correlation_id"],
        timestamp=document["timestamp"],
        headers=document["headers"],
        routing_key=document["routing_key"],
        deliveries=2,  # nobody knows whether it was handed out before
    )
    return QueuedMessage(message, document["_id"])
