"""The message bus as services see it. `bus.rabbitmq` is the form of it that services use.

Publishing is confirmed: when `publish` returns, the broker has the message. Delivery is at least
once: a handler may see the same `message_id` again and must not mind.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

import orjson
from pydantic import ValidationError

from common.contracts.messages import BusMessage
from common.contracts.topology import HEADER_REQUEST, Exchange, Queue
from common.errors import Unavailable
from common.ids import new_id
from common.logs import logged_request
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


@dataclass(frozen=True, slots=True)
class Depth:
    """What a queue holds: messages that nobody has been handed yet, and who takes from it."""

    messages: int
    consumers: int


class BusUnavailable(Unavailable):
    """The broker cannot be reached or did not confirm in time; nothing is known to be published."""


class DeadLetter(Exception):  # noqa: N818 - it names what becomes of the message
    """Raised by a handler for a message that no retry can help; its text becomes the reason."""


BodyT = TypeVar("BodyT", bound=BusMessage)
Handler = Callable[[Message], Awaitable[None]]
"""Handles one message. Returning acknowledges it. `DeadLetter` moves it to the dead-letter queue
with its reason. `Unavailable`, `UpstreamTimeout` and what the bus was told of a database driver say that a
backend is away: the message is tried again until it is back. Any other exception counts against the
message: it is tried again after a growing delay and is a dead letter at the `delivery_limit`-th
failure. The tries come from the same consumer, unless it is paused, cancelled or dies in between. A
message of a type that the queue does not accept is a dead letter without a call."""


IsAway = Callable[[Exception], bool]
"""Whether an exception of a database driver says that the database is away."""


def never_away(_: Exception) -> bool:
    """The `IsAway` of a process without a database."""
    return False


class Consumer(Protocol):
    """A consumer of a durable queue, working until it is cancelled or the bus is closed."""

    async def pause(self) -> None:
        """Take no more messages; those not yet handed to the handler go back to the queue.

        Calls under way go on. A handler may pause its own consumer: with a prefetch of 1 nothing
        has then been taken that would have to go back.
        """

    async def resume(self) -> None:
        """Take messages again."""

    async def cancel(self) -> None:
        """Stop for good, after the handler calls under way."""


class Subscription(Protocol):
    """A private, length-limited queue of this process; gone with it.

    The oldest message falls out when it is full. Its handler's exceptions are logged, and never
    lead to another try.
    """

    async def bind(self, key: str) -> None:
        """Receive messages with this routing key (`*` and `#` as in AMQP topics) from now on.

        Returns when the broker has said yes. Raises `BusUnavailable`.
        """

    async def unbind(self, key: str) -> None:
        """Receive them no more."""

    async def cancel(self) -> None:
        """Drop the queue."""


class Bus(Protocol):
    """A connection to the broker, re-made by itself.

    Consumers, subscriptions and their bindings survive a reconnect; what was published meanwhile to
    a subscription is lost (readers of events know by `seq`), to a durable queue it is not.
    """

    async def start(self) -> None:
        """Connect and declare the topology; returns when usable, or the first try has failed.

        A broker that is away does not keep a service from starting: connecting goes on in the
        background, `ping` says that it is not there yet, `consume` and `subscribe` take effect
        when it is, and `publish` and `bind` raise `BusUnavailable` until then.
        """

    async def close(self) -> None:
        """Stop consuming, wait for handlers under way, and disconnect."""

    async def ping(self) -> None:
        """Return if the broker is there now; raises `BusUnavailable`."""

    async def publish(self, exchange: Exchange, key: str, message: Message) -> None:
        """Publish persistently and await the broker's confirm. Raises `BusUnavailable`."""

    async def depth(self, queue: Queue) -> Depth:
        """Ask what `queue` holds now. Raises `BusUnavailable`."""

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> Consumer:
        """Hand the queue's messages to `handler`, at most `prefetch` at a time."""

    async def subscribe(
        self, exchange: Exchange, handler: Handler, *, max_length: int = 10_000
    ) -> Subscription:
        """Make a private queue on `exchange`, whose messages go to `handler` one by one, in order.

        It is bound to nothing yet on a topic exchange, and to everything on a fanout one.
        """

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Have `callback` awaited each time a lost connection has been made again."""


def context_headers(headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return `headers` with the current trace context, and the id of the request in hand."""
    carried = dict(headers or {})
    inject(carried)
    request_id = logged_request()
    if request_id:
        carried[HEADER_REQUEST] = request_id
    return carried


def encode(
    body: BusMessage, *, correlation_id: str = "", headers: Mapping[str, str] | None = None
) -> Message:
    """Return the message that carries `body`, with the current trace and request in its headers."""
    carried = context_headers(headers)
    return Message(
        type=body.message_type,
        body=orjson.dumps(body.model_dump(mode="json")),
        correlation_id=correlation_id,
        headers=carried,
    )


def decode(message: Message, kind: type[BodyT]) -> BodyT:
    """Return the body of `message`. Raises `DeadLetter`, naming the fault, when it does not fit."""
    try:
        return kind.model_validate(orjson.loads(message.body))
    except orjson.JSONDecodeError as fault:
        raise DeadLetter(f"the body is not JSON: {fault}") from None
    except ValidationError as fault:
        first = fault.errors()[0]
        path = ".".join(str(part) for part in first["loc"]) or "body"
        raise DeadLetter(
            f"the body does not fit {kind.message_type}: {path}: {first['msg']}"
        ) from None
