"""Listing RabbitMQ's dead letters, and sending them back to the queues they came from."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, HeadersType

from common.bus.rabbitmq_link import (
    ANSWER_WITHIN,
    ClosingConnection,
    declare_topology,
    message_from,
)
from common.contracts.topology import (
    DEAD_LETTERS_QUEUE,
    HEADER_ATTEMPTS,
    HEADER_DEAD_FROM,
    HEADER_REASON,
)

_WRITTEN_BY_THE_DEAD = frozenset({HEADER_REASON, HEADER_DEAD_FROM, HEADER_ATTEMPTS})


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the message, the queue it came from and the reason."""

    message_id: str
    type: str
    job_id: str
    queue: str
    reason: str
    attempts: str
    timestamp: datetime
    body: bytes


async def list_dead_letters(url: str) -> list[Letter]:
    """Return all dead letters, oldest first. They stay in their queue."""
    async with _letters(url) as (_, found):
        return [_letter(incoming) for incoming in found]


async def replay(url: str, only: Collection[str] = ()) -> list[Letter]:
    """Put the dead letters back into their queues, and return them.

    `only` limits this to these message ids. A letter is removed once the broker has confirmed it in its
    queue, so none is lost. A letter whose queue is unknown stays.
    """
    replayed = []
    async with _letters(url) as (channel, found):
        for incoming in found:
            letter = _letter(incoming)
            if (only and letter.message_id not in only) or not letter.queue:
                continue
            await channel.default_exchange.publish(
                _alive(incoming), letter.queue, timeout=ANSWER_WITHIN
            )
            await incoming.ack()
            replayed.append(letter)
    return replayed


@asynccontextmanager
async def _letters(
    url: str,
) -> AsyncIterator[tuple[AbstractChannel, list[AbstractIncomingMessage]]]:
    # Letters that are not acknowledged go back when the connection closes.
    async with await aio_pika.connect(
        url, timeout=ANSWER_WITHIN, connection_class=ClosingConnection
    ) as connection:
        channel = await connection.channel(on_return_raises=True)
        await declare_topology(channel)
        queue = await channel.get_queue(DEAD_LETTERS_QUEUE.name, ensure=False)
        found: list[AbstractIncomingMessage] = []
        while (incoming := await queue.get(fail=False)) is not None:
            found.append(incoming)
        yield channel, found


def _letter(incoming: AbstractIncomingMessage) -> Letter:
    message, by_broker = message_from(incoming), _death(incoming)
    reason = message.headers.get(HEADER_REASON) or f"the broker: {by_broker.get('reason', '?')}"
    return Letter(
        message_id=message.message_id,
        type=message.type,
        job_id=message.correlation_id,
        queue=message.headers.get(HEADER_DEAD_FROM) or str(by_broker.get("queue", "")),
        reason=reason,
        attempts=message.headers.get(HEADER_ATTEMPTS) or str(by_broker.get("count", "?")),
        timestamp=message.timestamp,
        body=message.body,
    )


def _death(incoming: AbstractIncomingMessage) -> dict[str, Any]:
    deaths: Any = incoming.headers.get("x-death")
    return deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}


def _alive(incoming: AbstractIncomingMessage) -> aio_pika.Message:
    headers: HeadersType = {
        name: value
        for name, value in incoming.headers.items()
        if name not in _WRITTEN_BY_THE_DEAD and not name.startswith(("x-death", "x-first-death"))
    }
    return aio_pika.Message(
        incoming.body,
        headers=headers,
        content_type=incoming.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        correlation_id=incoming.correlation_id,
        message_id=incoming.message_id,
        timestamp=incoming.timestamp,
        type=incoming.type,
    )
