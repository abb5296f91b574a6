"""The message bus as services see it. `bus.rabbitmq` and `bus.memory` are its two forms.

Publishing is confirmed: when `publish` returns, the broker has the message. Delivery is at least
once: a handler may see the same `message_id` again and must not mind.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import orjson

from common.contracts.messages import BusMessage
from common.contracts.topology import Exchange, Queue
from common.errors import Unavailable
from common.ids import new_id
from common.telemetry import inject
from common.times import utc_now


@dataclass(frozen=True, slots=True)
class Message:
    """One message, to publish or as delivered. `body` is JSON text; `type` is versioned."""

    type: str
    body: bytes
    message_id: str = field(default_factory=lambda: new_id("msg"))
    correlation_id: str = ""
    timestamp: datetime = field(default_factory=utc_now)
    headers: Mapping[str, str] = field(default_factory=dict)
    routing_key: str = ""
    """The key it was published with; filled in on delivery."""
    deliveries: int = 1
    """How often the queue has handed it out, this time included."""


class BusUnavailable(Unavailable):
    """The broker cannot be reached or did not confirm in time; nothing is known to be published."""


class DeadLetter(Exception):  # noqa: N818 - it names what becomes of the message
    """Raised by a handler for a message that no retry can help; its text becomes the reason."""


Handler = Callable[[Message], Awaitable[None]]
"""Handles one message. Returning acknowledges it. `DeadLetter` moves it to the dead-letter queue
with its reason; any other exception has it delivered again, at most `delivery_limit` times, and
then makes it a dead letter too."""


class Consumer(Protocol):
    """A consumer of a durable queue, working until it is cancelled or the bus is closed."""

    async def pause(self) -> None:
        """Take no more messages; those not yet handed to the handler go back to the queue."""

    async def resume(self) -> None:
        """Take messages again."""

    async def cancel(self) -> None:
        """Stop for good, after the handler calls under way."""


class Subscription(Protocol):
    """A private, length-limited queue of this process; gone with it. The oldest message falls out
    when it is full. Its handler's exceptions are logged, never retried."""

    async def bind(self, key: str) -> None:
        """Receive messages with this routing key (`*` and `#` as in AMQP topics) from now on.

        Returns when the broker has said yes. Raises `BusUnavailable`.
        """

    async def unbind(self, key: str) -> None:
        """Receive them no more."""

    async def cancel(self) -> None:
        """Drop the queue."""


class Bus(Protocol):
    """A connection to the broker, re-made by itself. Consumers, subscriptions and their bindings
    survive a reconnect; what was published meanwhile to a subscription is lost (readers of events
    know by `seq`), to a durable queue it is not."""

    async def start(self) -> None:
        """Connect and declare the topology; returns when usable. Raises `BusUnavailable`."""

    async def close(self) -> None:
        """Stop consuming, wait for handlers under way, and disconnect."""

    async def ping(self) -> None:
        """Return if the broker is there now; raises `BusUnavailable`."""

    async def publish(self, exchange: Exchange, key: str, message: Message) -> None:
        """Publish persistently and await the broker's confirm. Raises `BusUnavailable`."""

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> Consumer:
        """Hand the queue's messages to `handler`, at most `prefetch` at a time."""

    async def subscribe(
        self, exchange: Exchange, handler: Handler, *, max_length: int = 10_000
    ) -> Subscription:
        """Make a private queue on `exchange` (bound to nothing yet on a topic exchange, to
        everything on a fanout one) whose messages go to `handler` in order."""

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Have `callback` awaited each time a lost connection has been made again."""


def encode(
    body: BusMessage, *, correlation_id: str = "", headers: Mapping[str, str] | None = None
) -> Message:
    """Return the message that carries `body`, with the current trace context in its headers."""
    carried = dict(headers or {})
    inject(carried)
    return Message(
        type=body.message_type,
        body=orjson.dumps(body.model_dump(mode="json")),
        correlation_id=correlation_id,
        headers=carried,
    )
