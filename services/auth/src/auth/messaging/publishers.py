"""Notifying the doors of revocations: Redis first, then the bus; auth's database already has them."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from auth.domain.ports import Revocations
from common.bus import Bus, BusUnavailable, encode
from common.contracts.messages import SessionRevoked
from common.contracts.topology import SESSIONS
from common.errors import Unavailable
from common.logs import get_logger
from common.times import utc_now

log = get_logger(__name__)

_MOST_UNSENT = 10_000


class DoorCopy(Protocol):
    """The copy of the revocations that the doors read. Its methods raise `Unavailable`."""

    async def write(self, revocations: Sequence[SessionRevoked]) -> None:
        """Write revocations; those that have expired are left out."""

    async def loaded(self) -> bool:
        """Say whether the copy has been filled since it was last empty."""

    async def mark_loaded(self) -> None: ...


class DoorAnnouncer:
    """Announces revocations, and delivers later what did not get through.

    Every `look_every` seconds it sends again what the bus did not take, and fills Redis from the
    database where Redis has lost its content or missed something; every `fill_every` seconds it
    does so in any case.
    """

    def __init__(
        self,
        copy: DoorCopy,
        bus: Bus,
        revocations: Revocations,
        *,
        look_every: float = 2.0,
        fill_every: float = 60.0,
    ) -> None:
        self._copy = copy
        self._bus = bus
        self._revocations = revocations
        self._look_every = look_every
        self._fill_every = fill_every
        self._fill_at = float("-inf")
        self._unsent: deque[SessionRevoked] = deque(maxlen=_MOST_UNSENT)

    async def announce(self, revocation: SessionRevoked) -> None:
        """Notify the doors; whatever fails now is left to `keep`."""
        try:
            await self._copy.write([revocation])
        except Unavailable as fault:
            self._fill_at = float("-inf")
            log.warning("a revocation will be written to Redis later", reason=fault.message)
        try:
            await self._bus.publish(SESSIONS, "", encode(revocation))
        except BusUnavailable as fault:
            self._unsent.append(revocation)
            log.warning("a revocation will be published later", reason=fault.message)

    async def keep(self) -> None:
        """Deliver what is missing to Redis and the bus, until cancelled."""
        while True:
            try:
                await self._send()
                await self._fill_if_due()
            except Unavailable as fault:
                log.warning("the doors' copy cannot be kept now", reason=fault.message)
            except Exception:
                log.exception("the doors' copy could not be kept")
            await asyncio.sleep(self._look_every)

    async def _send(self) -> None:
        while self._unsent:
            try:
                await self._bus.publish(SESSIONS, "", encode(self._unsent[0]))
            except BusUnavailable:
                return
            self._unsent.popleft()

    async def _fill_if_due(self) -> None:
        if time.monotonic() >= self._fill_at or not await self._copy.loaded():
            await self.fill()

    async def fill(self) -> None:
        """Write every unexpired revocation to Redis and mark it filled."""
        self._fill_at = time.monotonic() + self._fill_every
        try:
            unexpired = await self._revocations.list_unexpired(utc_now())
            await self._copy.write(unexpired)
            await self._copy.mark_loaded()
        except BaseException:
            self._fill_at = float("-inf")
            raise
        log.debug("revocations were written to Redis", count=len(unexpired))
