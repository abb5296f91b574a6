"""What a door hears over the bus: revoked sessions."""

from common.bus import Bus, DeadLetter, Message, decode
from common.contracts.messages import SessionRevoked
from common.contracts.topology import SESSIONS
from common.door.revocations import RevocationCopy
from common.logs import get_logger

log = get_logger(__name__)


async def follow_sessions(bus: Bus, copy: RevocationCopy) -> None:
    """Hand every revocation to `copy`.

    One that cannot be read, or a connection that was lost, has the copy loaded anew.
    """

    async def handle(message: Message) -> None:
        try:
            revocation = decode(message, SessionRevoked)
        except DeadLetter as fault:
            log.warning(
                "a message is not a revocation", message_id=message.message_id, reason=str(fault)
            )
            copy.reload()
        else:
            copy.add(revocation)

    async def reload() -> None:
        copy.reload()

    bus.on_reconnect(reload)
    await bus.subscribe(SESSIONS, handle)
