"""What a door hears over the bus: revoked sessions."""

from common.bus import Bus, DeadLetter, Message, decode
from common.contracts.messages import SessionRevoked
from common.contracts.topology import SESSIONS
from common.door.revocations import RevocationCopy
from common.logs import get_logger

log = get_logger(__name__)


async def follow_sessions(bus: Bus, copy: RevocationCopy) -> None:
    """Pass every revocation to `copy`.

    After an unreadable message or a lost connection the copy is loaded again.
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
