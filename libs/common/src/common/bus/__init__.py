"""The message bus as services see it. `bus.rabbitmq` is the form of it that services use.

Publishing is confirmed: when `publish` returns, the broker has the message. Delivery is at least
once: a handler may see the same `message_id` again and must cope with that.
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
    """How often the queue has delivered it, including this time."""
    persistent: bool = True
    """Whether the broker writes it to disk in a durable queue."""


@dataclass(frozen=True, slots=True)
class Depth:
    """What a queue holds: messages that no consumer has yet, and how many consumers there are."""

    messages: int
    consumers: int


class BusUnavailable(Unavailable):
    """The broker cannot be reached or did not confirm in time; the message may be lost."""


class DeadLetter(Exception):  # noqa: N818 - it names what becomes of the message
    """Raised by a handler for a message that no retry can fix; its text becomes the reason."""


BodyT = TypeVar("BodyT", bound=BusMessage)
Handler = Callable[[Message], Awaitable[None]]
"""Handles one message. Returning acknowledges it. `DeadLetter` moves it to the dead-letter queue
with its reason. `Unavailable`, `UpstreamTimeout` and an exception that the bus's `IsAway` recognises mean that
a backend is down: the message is retried until it is back. Any other exception counts against the
message: it is retried after a growing delay and becomes a dead letter at the `delivery_limit`-th
failure. The same consumer retries, unless it is paused, cancelled or dies in between. A message of a
type that the queue does not accept becomes a dead letter without a call."""


IsAway = Callable[[Exception], bool]
"""Whether an exception of a database driver means that the database is down."""


def never_away(_: Exception) -> bool:
    """The `IsAway` of a process without a database."""
    return False


class Consumer(Protocol):
    """A consumer of a durable queue. It works until it is cancelled or the bus is closed."""

    async def pause(self) -> None:
        """Take no more messages; those that the handler has not received go back to the queue.

        Calls in progress continue. A handler may pause its own consumer: with a prefetch of 1 there
        is then nothing to give back.
        """

    async def resume(self) -> None:
        """Take messages again."""

    async def cancel(self) -> None:
        """Stop for good, after the handler calls in progress."""


class Subscription(Protocol):
    """A private, length-limited queue of this process; gone with it.

    When it is full, the oldest message is dropped. Its handler's exceptions are logged and never lead to
    a retry.
    """

    async def bind(self, key: str) -> None:
        """Receive messages with this routing key (`*` and `#` as in AMQP topics) from now on.

        Returns when the broker has confirmed. Raises `BusUnavailable`.
        """

    async def unbind(self, key: str) -> None:
        """Stop receiving them."""

    async def cancel(self) -> None:
        """Drop the queue."""


class Bus(Protocol):
    """A connection to the broker that reconnects by itself.

    Consumers, subscriptions and their bindings survive a reconnect. A subscription loses what was
    published in the meantime (readers of events notice by `seq`); a durable queue does not.
    """

    async def start(self) -> None:
        """Connect and declare the topology; return when usable, or when the first try has failed.

        A service starts even while the broker is down: the bus keeps trying in the background.
        Until it succeeds, `ping`, `publish` and `bind` raise `BusUnavailable`; `consume` and
        `subscribe` take effect afterwards.
        """

    async def close(self) -> None:
        """Stop consuming, wait for handlers in progress, and disconnect."""

    async def ping(self) -> None:
        """Return if the broker answers; otherwise raise `BusUnavailable`."""

    async def publish(self, exchange: Exchange, key: str, message: Message) -> None:
        """Publish and await the broker's confirm. Raises `BusUnavailable`."""

    async def depth(self, queue: Queue) -> Depth:
        """Return what `queue` holds now. Raises `BusUnavailable`."""

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> Consumer:
        """Hand the queue's messages to `handler`, at most `prefetch` at a time."""

    async def subscribe(
        self, exchange: Exchange, handler: Handler, *, max_length: int = 10_000
    ) -> Subscription:
        """Create a private queue on `exchange`; its messages go to `handler` one by one, in order.

        On a topic exchange it is bound to nothing yet, on a fanout exchange to everything.
        """

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await `callback` after each reconnect."""


def context_headers(headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return `headers` with the current trace context and request id."""
    carried = dict(headers or {})
    inject(carried)
    request_id = logged_request()
    if request_id:
        carried[HEADER_REQUEST] = request_id
    return carried


def encode(
    body: BusMessage, *, correlation_id: str = "", headers: Mapping[str, str] | None = None
) -> Message:
    """Return the message with `body`, and the current trace and request in its headers."""
    carried = context_headers(headers)
    return Message(
        type=body.message_type,
        body=orjson.dumps(body.model_dump(mode="json")),
        correlation_id=correlation_id,
        headers=carried,
    )


def decode(message: Message, kind: type[BodyT]) -> BodyT:
    """Return the body of `message`. Raises `DeadLetter` with the fault if it does not fit."""
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
