"""What this process is sent over the bus: events of watched jobs, and revoked sessions."""

import asyncio

from pydantic import ValidationError

from common.bus import Bus, BusUnavailable, Message, Subscription
from common.contracts.messages import SessionRevoked
from common.contracts.topology import EVENTS, SESSIONS
from common.logs import get_logger
from events.domain.relay import Relay
from events.domain.revocations import Revocations

log = get_logger(__name__)


class EventsSubscription:
    """The process's private, bounded queue on the events exchange; fulfils `Bindings`."""

    def __init__(self, bus: Bus, max_length: int) -> None:
        self._bus = bus
        self._max_length = max_length
        self._queue: Subscription | None = None

    async def open(self, relay: Relay) -> None:
        """Make the queue; what comes goes to `relay`."""

        async def handle(message: Message) -> None:
            if relay.deliver(message.routing_key, message.body):
                await asyncio.sleep(0)  # many came at once: let the sockets be written to

        self._queue = await self._bus.subscribe(EVENTS, handle, max_length=self._max_length)

    async def bind(self, key: str) -> None:
        """Return when the broker has said yes."""
        await self._opened().bind(key)

    async def unbind(self, key: str) -> None:
        """Be sent them no more."""
        await self._opened().unbind(key)

    def _opened(self) -> Subscription:
        if self._queue is None:
            raise BusUnavailable("The queue for events is not open.")
        return self._queue


async def follow_sessions(bus: Bus, revocations: Revocations) -> None:
    """Hand every revoked session to `revocations`, as soon as auth says so."""

    async def handle(message: Message) -> None:
        try:
            body = SessionRevoked.model_validate_json(message.body)
        except ValidationError as fault:
            log.warning(
                "a message is no revocation", message_id=message.message_id, reason=str(fault)
            )
            revocations.distrust()
            return
        revocations.take(body)

    await bus.subscribe(SESSIONS, handle)
