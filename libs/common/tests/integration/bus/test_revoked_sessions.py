"""Revocations over the bus, on each kind of it."""

import asyncio

from structlog.testing import capture_logs

from common.bus import Message, encode
from common.contracts.messages import SessionRevoked
from common.contracts.topology import SESSIONS
from common.door.messaging import follow_sessions
from common.times import utc_now


class Copy:
    """Takes down what a `RevocationCopy` would be told."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    def add(self, revocation: SessionRevoked) -> None:
        self.heard.put_nowait(revocation.session_id or "")

    def reload(self) -> None:
        self.heard.put_nowait("reload")


async def test_revocations_reach_the_copy_and_what_is_none_has_it_loaded_anew(make_bus):
    bus, copy = await make_bus(), Copy()
    await follow_sessions(bus, copy)
    now = utc_now()
    body = SessionRevoked(session_id="ses_1", revoked_at=now, expires_at=now)
    with capture_logs() as lines:
        async with asyncio.timeout(60):
            await bus.publish(SESSIONS, body.message_type, encode(body))
            assert await copy.heard.get() == "ses_1"
            await bus.publish(SESSIONS, "", Message(type=body.message_type, body=b"{}"))
            assert await copy.heard.get() == "reload"
    assert [line["event"] for line in lines] == ["a message is not a revocation"]
