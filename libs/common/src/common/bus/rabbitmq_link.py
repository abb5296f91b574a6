"""One connection to RabbitMQ, from its opening to its loss, and how messages look on it."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractIncomingMessage,
    TimeoutType,
)
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.abc import AbstractConnection as UnderlayConnection
from aiormq.channel import Channel as ConfirmingChannel
from yarl import URL

from common.bus import Depth, Message
from common.contracts.topology import (
    DEAD_LETTERS,
    EXCHANGES,
    HEADER_KEY,
    JOBS,
    QUEUES,
    Queue,
)
from common.ids import new_id
from common.process.cancellation import told_to_stop
from common.times import utc_now

T = TypeVar("T")

FAULTS = CONNECTION_EXCEPTIONS
"""What the client library raises when the broker is down, refuses or does not answer in time."""

ANSWER_WITHIN = 5.0
"""Seconds that the broker has for one answer."""

_HEARTBEAT = "10"
_CRASHES_PER_FAILURE = 10
_WITHOUT_END = 2**31 - 1
_COUNTED_BY_BROKER = frozenset({"x-delivery-count", "x-acquired-count"})


class ClosingConnection(aio_pika.Connection):
    """A connection that is closed when connecting fails.

    The library would leave it to the garbage collector, which may run in a thread without an event loop
    to close it on.
    """

    async def connect(self, timeout: TimeoutType = None) -> None:
        try:
            await super().connect(timeout)
        except BaseException:
            await self.close()
            raise


class Link:
    """An open connection with the topology declared. `lost` is set when any part of it breaks.

    If the broker closes a channel (a delivery took too long) or cancels a consumer (a queue was deleted by
    hand), the whole link counts as lost and everything is set up again.
    """

    publisher: ConfirmingChannel
    """The channel to publish on, from the library's lower layer, which does not await each write."""
    _control: AbstractChannel

    def __init__(self, connection: AbstractConnection) -> None:
        self.lost = asyncio.Event()
        self.told_blocked = False
        self._connection = connection
        self._channels: set[AbstractChannel] = set()
        connection.close_callbacks.add(self._break)

    @property
    def broken(self) -> bool:
        """Whether it is lost, even if nobody has been told yet."""
        return self.lost.is_set() or self.publisher.is_closed

    @property
    def blocked(self) -> bool:
        """Whether the broker blocks it: short of memory or disk, it stops reading from publishers."""
        waiting = self._underlay.ready()
        try:
            waiting.send(None)
        except StopIteration:
            return False
        waiting.close()
        return True

    async def wait_until_unblocked(self) -> None:
        """Return when the broker accepts messages again; the connection may be lost first."""
        await self._underlay.ready()

    @property
    def _underlay(self) -> UnderlayConnection:
        assert self._connection.transport is not None  # noqa: S101 - it has been opened
        return self._connection.transport.connection

    @classmethod
    async def open(cls, url: str, name: str) -> "Link":
        """Connect to `url` as `name` and declare everything. Raises one of `FAULTS`."""
        where = URL(url)
        if "heartbeat" not in where.query:
            where = where.update_query(heartbeat=_HEARTBEAT)
        connection = await aio_pika.connect(
            where,
            timeout=ANSWER_WITHIN,
            client_properties={"connection_name": name},
            connection_class=ClosingConnection,
        )
        link = cls(connection)
        try:
            async with asyncio.timeout(4 * ANSWER_WITHIN):
                link._control = await link.channel()
                await declare_topology(link._control)
                confirming = await link.channel(confirms=True)
                link.publisher = cast("ConfirmingChannel", await confirming.get_underlay_channel())
        except BaseException:
            await link.close()
            raise
        return link

    async def channel(self, prefetch: int = 0, *, confirms: bool = False) -> AbstractChannel:
        """Open a channel. If it is lost, so is the link."""
        channel = await self._connection.channel(publisher_confirms=confirms)
        self._channels.add(channel)
        channel.close_callbacks.add(self._break)
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(self._break)
        if prefetch:
            await channel.set_qos(prefetch)
        return channel

    async def release(self, channel: AbstractChannel) -> None:
        """Close one channel without losing the link."""
        self._channels.discard(channel)
        channel.close_callbacks.discard(self._break)
        await channel.close()

    async def ping(self) -> None:
        """Make a small request to the broker. Raises one of `FAULTS`."""
        await self._control.get_exchange(JOBS.name, ensure=True)

    async def depth(self, queue: Queue) -> Depth:
        """Return what `queue` holds. Raises one of `FAULTS`."""
        underlay = await self._control.get_underlay_channel()
        answer = await underlay.queue_declare(queue.name, passive=True)
        assert answer is not None  # noqa: S101 - only with `nowait` there is no answer
        return Depth(answer.message_count or 0, answer.consumer_count or 0)

    async def close(self) -> None:
        self._connection.close_callbacks.discard(self._break)
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._connection.close()
        except FAULTS:
            await self._connection.close()  # now without the broker; see ClosingConnection

    def _break(self, *_: Any) -> None:
        self.lost.set()


async def unless_lost(call: Awaitable[T]) -> T:
    """Return what `call` to the client library returns; raises one of `FAULTS` when its link is lost.

    When the library gives up a connection, it cancels the calls that wait on it. A loop that took such a
    cancellation for its own would end.
    """
    try:
        return await call
    except asyncio.CancelledError:
        if told_to_stop():
            raise
        raise ConnectionResetError("the connection was lost") from None


async def declare_topology(channel: AbstractChannel) -> None:
    """Declare every exchange, queue and binding of the platform. It can be repeated."""
    for exchange in EXCHANGES:
        await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
    for queue in QUEUES:
        declared = await channel.declare_queue(
            queue.name, durable=True, arguments=queue_arguments(queue)
        )
        for key in queue.keys:
            await declared.bind(queue.exchange.name, key)


def queue_arguments(queue: Queue) -> dict[str, Any]:
    """Return the arguments `queue` is declared with.

    The bus counts failures and gives the reason. The broker's own limit is for messages whose consumer dies
    each time; it is higher because the deliveries of a paused consumer count too.
    """
    if not queue.dead_letters:
        return {"x-queue-type": "quorum", "x-delivery-limit": _WITHOUT_END}
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": queue.delivery_limit * _CRASHES_PER_FAILURE,
        "x-dead-letter-exchange": DEAD_LETTERS.name,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def message_from(incoming: AbstractIncomingMessage) -> Message:
    """Return `incoming` as handlers see it, with defaults for what a foreign publisher left out."""
    headers = {
        name: str(value)
        for name, value in incoming.headers.items()
        if name not in _COUNTED_BY_BROKER and value is not None
    }
    key = incoming.routing_key or ""
    if (
        not incoming.exchange
    ):  # published straight to the queue: a replay, which carries the original key
        key = headers.pop(HEADER_KEY, key)
    count = incoming.headers.get("x-delivery-count") or 0
    return Message(
        type=incoming.type or "",
        body=incoming.body,
        message_id=incoming.message_id or new_id("msg"),
        correlation_id=incoming.correlation_id or "",
        timestamp=_aware(incoming.timestamp),
        headers=headers,
        routing_key=key,
        deliveries=1 + (count if isinstance(count, int) else 0),
    )


def _aware(moment: datetime | None) -> datetime:
    if moment is None:
        return utc_now()
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
