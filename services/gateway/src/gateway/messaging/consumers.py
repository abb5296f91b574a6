"""What the gateway is sent over the bus: sessions that were revoked."""

from common.bus import Bus, DeadLetter, Message, decode
from common.contracts.messages import SessionRevoked
from common.contracts.topology import SESSIONS
from common.logs import get_logger
from gateway.domain.revocations import Revocations

log = get_logger(__name__)


async def follow_sessions(bus: Bus, revocations: Revocations) -> None:
    """Hand every revocation to the door's copy; one that cannot be read has the copy loaded anew."""

    async def handle(message: Message) -> None:
        try:
            revocations.add(decode(message, SessionRevoked))
        except DeadLetter as fault:
            log.warning("a message is no revocation", id=message.message_id, reason=str(fault))
            revocations.missed()

    async def reconnected() -> None:
        revocations.missed()

    bus.on_reconnect(reconnected)
    await bus.subscribe(SESSIONS, handle)
