"""What this process receives over the bus, events of watched jobs, and what it tells workers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from opentelemetry.trace import SpanKind

from common.bus import Bus, BusUnavailable, Message, Subscription, encode
from common.contracts.deltas import DELTA_MESSAGE_TYPE
from common.contracts.events import TERMINAL_EVENTS
from common.contracts.messages import DeltasWanted
from common.contracts.topology import EVENTS, WATCHING
from common.telemetry import Telemetry, extract
from events.domain.relay import Relay

_LAST = frozenset(str(kind) for kind in TERMINAL_EVENTS)

RENEW_EVERY = 3.0
_WISH_HOLDS = 10.0
"""Seconds: a wish outlives two renewals that are lost."""


class EventsSubscription:
    """The process's private, bounded queue on the events exchange; fulfils `Bindings`."""

    def __init__(self, bus: Bus, max_length: int, telemetry: Telemetry) -> None:
        self._bus = bus
        self._telemetry = telemetry
        self._max_length = max_length
        self._queue: Subscription | None = None

    async def open(self, relay: Relay) -> None:
        """Make the queue; its messages go to `relay`."""

        async def handle(message: Message) -> None:
            if message.type == DELTA_MESSAGE_TYPE:
                relay.deliver_delta(message.routing_key, message.body)
            elif self._telemetry.recording and message.routing_key.rpartition(".")[2] in _LAST:
                self._pass_on_last(relay, message)
            elif relay.deliver(message.routing_key, message.message_id, message.body):
                await asyncio.sleep(0)  # many came at once: let the sockets be written to

        self._queue = await self._bus.subscribe(EVENTS, handle, max_length=self._max_length)

    def _pass_on_last(self, relay: Relay, message: Message) -> None:
        """Pass a job's last event on within a span: the end of the trace its submission began."""
        kind = message.routing_key.rpartition(".")[2]
        facts = {"kasal.job_id": message.correlation_id, "kasal.event_type": kind}
        with self._telemetry.tracer.start_as_current_span(
            f"relay {kind}", extract(message.headers), SpanKind.CONSUMER, facts
        ) as span:
            sent = relay.deliver_last(message.routing_key, message.message_id, message.body)
            span.set_attribute("kasal.frames_sent", sent)

    async def bind(self, key: str) -> None:
        """Return when the broker has confirmed it."""
        await self._require_queue().bind(key)

    async def unbind(self, key: str) -> None:
        """Stop getting them."""
        await self._require_queue().unbind(key)

    async def want(self, job_ids: Sequence[str], workspace_ids: Sequence[str]) -> None:
        """Tell all workers that the jobs' texts are wanted; fulfils `WishSender`."""
        body = DeltasWanted(
            job_ids=list(job_ids), workspace_ids=list(workspace_ids), seconds=_WISH_HOLDS
        )
        await self._bus.publish(WATCHING, "", replace(encode(body), persistent=False))

    def _require_queue(self) -> Subscription:
        if self._queue is None:
            raise BusUnavailable("The queue for events is not open.")
        return self._queue
