"""What happens around a handler call on every kind of bus: span, log ids, metrics, retry or dead letter."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind, Status, StatusCode, get_current_span

from common.bus import DeadLetter, Handler, IsAway, Message
from common.contracts.topology import (
    HEADER_ATTEMPTS,
    HEADER_DEAD_FROM,
    HEADER_KEY,
    HEADER_REASON,
    HEADER_REQUEST,
    Exchange,
    Queue,
)
from common.errors import Unavailable, UpstreamTimeout
from common.ids import is_request_id
from common.logs import bound, get_logger
from common.process.backoff import Backoff
from common.process.cancellation import unless_cut_off
from common.storage.formats import NewerFormat
from common.telemetry import SECONDS, LocalCounter, Telemetry, extract, inject, is_traced

log = get_logger(__name__)

_BACKOFF = Backoff.doubling(0.1, 5.0)
_LONGEST_REASON = 1_000


STOP_GRACE = 10.0
"""Seconds that handler calls in progress get when a bus is closed."""


class Returned(Exception):  # noqa: N818 - it names what becomes of the message
    """`message` was not processed, because its consumer stopped first. It goes back to the queue."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.message_id)
        self.message = message


class Handling:
    """Calls handlers for one bus, and records what it publishes and consumes.

    `system` names the bus in spans. `store_is_away` recognises the exceptions by which a database driver
    says that its database is down.
    """

    def __init__(self, telemetry: Telemetry, system: str, store_is_away: IsAway) -> None:
        self._store_is_away = store_is_away
        self._telemetry = telemetry
        self._tracer = telemetry.tracer
        self._system = system
        self._received = _Labels(system, "process")
        meter = telemetry.meter
        self._published = LocalCounter(
            meter,
            "messaging.client.sent.messages",
            "Messages the broker has confirmed",
            unit="{message}",
            attributes=_Labels(system, "send").of,
        )
        self._consumed = LocalCounter(
            meter,
            "messaging.client.consumed.messages",
            "Messages handed to this process",
            unit="{message}",
            attributes=self._received.of,
        )
        self._processing = meter.create_histogram(
            "messaging.process.duration",
            unit="s",
            description="Duration of handling a message of a queue, each try by itself",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._redelivered = meter.create_counter(
            "kasal.bus.redelivered", description="Messages that were handed out before"
        )
        self._retried = meter.create_counter(
            "kasal.bus.retried", description="Tries after a failed one, in the same process"
        )
        self._dead = meter.create_counter(
            "kasal.bus.dead_lettered", description="Messages made dead letters"
        )

    def count_published(self, exchange: Exchange) -> None:
        self._published.add(key=exchange.name)

    @contextmanager
    def sending(self, exchange: Exchange, key: str, message: Message) -> Iterator[Message]:
        """Record the publishing of `message`; yield it with the trace context for its consumers."""
        if not (self._telemetry.recording and exchange.traced):
            yield message
            return
        creation = extract(message.headers)
        if not is_traced(creation):
            yield message
            return
        facts = {**self._facts(exchange.name, message), "messaging.operation.type": "send"}
        if self._system == "rabbitmq":
            facts["messaging.rabbitmq.destination.routing_key"] = key
        with self._tracer.start_as_current_span(
            f"send {exchange.name}", creation, SpanKind.PRODUCER, facts
        ):
            headers = dict(message.headers)
            inject(headers)
            yield replace(message, headers=headers)

    def _facts(self, place: str, message: Message) -> dict[str, str]:
        facts = {
            "messaging.system": self._system,
            "messaging.destination.name": place,
            "messaging.message.id": message.message_id,
        }
        if message.correlation_id:
            facts["messaging.message.conversation_id"] = message.correlation_id
            facts["kasal.job_id"] = message.correlation_id
        return facts

    async def watch(self, exchange: Exchange, handler: Handler, message: Message) -> None:
        """Call a subscription's handler once and log whatever it raises."""
        place = exchange.name
        self._consumed.add(key=place)
        try:
            await self._call(place, handler, message, traced=exchange.traced)
        except Exception:
            log.exception("a message could not be handled", queue=place, id=message.message_id)

    async def deal(
        self, queue: Queue, handler: Handler, message: Message, stopping: asyncio.Event
    ) -> Message | None:
        """Call a queue's handler until the message is processed.

        Returns None if the message is to be acknowledged, or the dead letter that it has become.
        Raises `Returned` if `stopping` is set before a try.
        """
        if stopping.is_set():
            raise Returned(message)
        self._count_taken(queue, message)
        refused = _refusal(queue, message)
        if refused is not None:
            return self._dead_letter(queue, message, refused)
        failures = tries = 0
        while True:
            try:
                with self._measure(queue):
                    await self._call(queue.name, handler, message)
                return None
            except DeadLetter as fault:
                return self._dead_letter(queue, message, str(fault))
            except Exception as fault:  # noqa: BLE001 - it is logged, and the message tried again
                failures += self._is_failure(queue, message, fault)
                if queue.dead_letters and failures >= queue.delivery_limit:
                    return self._dead_letter(queue, message, f"failed {failures} times: {fault!r}")
            message = replace(message, deliveries=message.deliveries + 1)
            tries += 1
            if await _wait_for_stop(stopping, _BACKOFF.pause(tries)):
                raise Returned(message)
            self._retried.add(1, self._received.of(queue.name))

    def _is_failure(self, queue: Queue, message: Message, fault: Exception) -> bool:
        """Log a failed try, and say whether it counts: it does not while a backend is down."""
        if self._is_backend_away(fault):
            log.warning("a message waits for a backend", queue=queue.name, reason=str(fault))
            return False
        log.error(
            "a message failed", queue=queue.name, deliveries=message.deliveries, exc_info=fault
        )
        return True

    def _is_backend_away(self, fault: Exception) -> bool:
        if isinstance(
            fault, NewerFormat
        ):  # this process can never read it, and other messages wait behind it
            return False
        return isinstance(fault, (Unavailable, UpstreamTimeout)) or self._store_is_away(fault)

    def _count_taken(self, queue: Queue, message: Message) -> None:
        self._consumed.add(key=queue.name)
        if message.deliveries > 1:
            self._redelivered.add(1, self._received.of(queue.name))

    @contextmanager
    def _measure(self, queue: Queue) -> Iterator[None]:
        labels, started = self._received.of(queue.name), time.perf_counter()
        try:
            yield
        except Exception as fault:
            labels = {**labels, "error.type": type(fault).__name__}
            raise
        finally:
            self._processing.record(time.perf_counter() - started, labels)

    async def _call(
        self, place: str, handler: Handler, message: Message, *, traced: bool = True
    ) -> None:
        with _log_ids(message):
            if traced:
                with self._span(place, message):
                    await unless_cut_off(handler(message))
            else:
                await unless_cut_off(handler(message))

    @contextmanager
    def _span(self, place: str, message: Message) -> Iterator[None]:
        creation = extract(message.headers)
        if not self._telemetry.recording and get_current_span(creation).get_span_context().is_valid:
            token = attach(creation)
            try:
                yield
            finally:
                detach(token)
            return
        with self._tracer.start_as_current_span(
            f"process {place}",
            creation,
            SpanKind.CONSUMER,
            record_exception=False,  # its text may contain parts of the message
            set_status_on_exception=False,
        ) as span:
            if span.is_recording():
                span.set_attributes(self._facts(place, message))
                span.set_attribute("messaging.operation.type", "process")
            try:
                yield
            except Exception as fault:
                span.set_status(Status(StatusCode.ERROR, type(fault).__name__))
                raise

    def _dead_letter(self, queue: Queue, message: Message, reason: str) -> Message:
        self._dead.add(1, self._received.of(queue.name))
        log.error(
            "a message is a dead letter",
            queue=queue.name,
            id=message.message_id,
            job_id=message.correlation_id,
            reason=reason,
        )
        reasons = {
            HEADER_REASON: reason[:_LONGEST_REASON],
            HEADER_DEAD_FROM: queue.name,
            HEADER_ATTEMPTS: str(message.deliveries),
            HEADER_KEY: message.routing_key,
        }
        return replace(message, headers={**message.headers, **reasons})


class _Labels:
    """The attributes of one operation, by destination. They are cached, as each message needs them."""

    def __init__(self, system: str, operation: str) -> None:
        self._system = system
        self._operation = operation
        self._known: dict[str, Mapping[str, str]] = {}

    def of(self, destination: str) -> Mapping[str, str]:
        """Return the attributes of `destination`, an exchange or a queue of the topology."""
        found = self._known.get(destination)
        if found is None:
            found = self._known[destination] = {
                "messaging.system": self._system,
                "messaging.operation.name": self._operation,
                "messaging.destination.name": destination,
            }
        return found


def _refusal(queue: Queue, message: Message) -> str | None:
    """Return why `queue` does not accept `message`, or None."""
    if queue.accepts and message.type not in queue.accepts:
        return f"the type {message.type!r} is unknown here"
    if queue.dead_letters and len(message.body) > queue.largest:
        return f"the body has {len(message.body)} bytes; at most {queue.largest} are accepted"
    return None


def _log_ids(message: Message) -> AbstractContextManager[None]:
    ids = {"message_id": message.message_id}
    if message.correlation_id:
        ids["job_id"] = message.correlation_id
    request_id = message.headers.get(HEADER_REQUEST, "")
    if is_request_id(request_id):
        ids["request_id"] = request_id
    return bound(**ids)


async def _wait_for_stop(stopping: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return False
    return True
