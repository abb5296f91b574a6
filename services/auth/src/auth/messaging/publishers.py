"""Telling the doors: Redis first, then the bus; auth's database has it already."""

import asyncio
import contextlib
from datetime import datetime

from auth.domain.ports import DoorCopy, Revocations
from common.bus import Bus, BusUnavailable, encode
from common.contracts.messages import SessionRevoked
from common.contracts.topology import SESSIONS
from common.errors import Unavailable
from common.logs import get_logger
from common.times import utc_now

log = get_logger(__name__)

_REFILL_EVERY = 5.0
"""Seconds between two looks whether Redis has been emptied."""


class DoorAnnouncer:
    """Announces revocations and keeps the doors' copy in Redis whole."""

    def __init__(self, copy: DoorCopy, bus: Bus, revocations: Revocations) -> None:
        self._copy = copy
        self._bus = bus
        self._revocations = revocations

    async def announce(self, revocation: SessionRevoked) -> None:
        """Tell the doors. What does not get through is logged; the refill brings it later."""
        try:
            await self._copy.write([revocation])
        except Unavailable as fault:
            log.warning("a revocation could not be written to Redis", reason=str(fault))
        try:
            await self._bus.publish(SESSIONS, "", encode(revocation))
        except BusUnavailable as fault:
            log.warning("a revocation could not be published", reason=str(fault))

    async def keep_filled(self) -> None:
        """Fill Redis from the database whenever it is found empty, until cancelled."""
        while True:
            with contextlib.suppress(Unavailable):  # it is away: nothing to fill yet
                if not await self._copy.loaded():
                    await self.fill(utc_now())
            await asyncio.sleep(_REFILL_EVERY)

    async def fill(self, now: datetime) -> None:
        """Write every unexpired revocation to Redis and mark it filled."""
        unexpired = await self._revocations.unexpired(now)
        await self._copy.write(unexpired)
        await self._copy.mark_loaded()
        log.info("revocations were written to an empty Redis", count=len(unexpired))
