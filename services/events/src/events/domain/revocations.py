"""Which tokens were taken back, as a door knows it."""

import asyncio
from collections.abc import Callable

from common.contracts.messages import SessionRevoked
from common.errors import KasalError, Unavailable
from common.identity import Identity
from common.logs import get_logger
from common.revocations import RevokedTokens
from events.domain.ports import RevocationBoard, RevocationSource

log = get_logger(__name__)


class Revocations:
    """Answers whether a token was revoked: from Redis, or from the copy while Redis is away.

    `on_revoked` is called after each change of the copy, to end what is open.
    """

    def __init__(self, board: RevocationBoard, source: RevocationSource) -> None:
        self.copy = RevokedTokens()
        self.on_revoked: Callable[[], None] = lambda: None
        self._board = board
        self._source = source
        self._loaded = False
        self._stale = True

    async def revoked(self, identity: Identity) -> bool:
        """Return whether `identity`'s token was revoked.

        Raises `Unavailable` when that cannot be known: Redis is away and the copy was never loaded.
        """
        if self.copy.cover(identity):
            return True
        try:
            # The copy once more: a message may have come while Redis was asked.
            return await self._board.revoked(identity) or self.copy.cover(identity)
        except Unavailable as fault:
            self._stale = True
            if not self._loaded:
                await self.refresh()
            if not self._loaded:
                raise Unavailable("Whether the token still holds is not known yet.") from fault
            return self.copy.cover(identity)

    def take(self, revocation: SessionRevoked) -> None:
        """Add one that came over the bus."""
        self.copy.add([revocation])
        self.on_revoked()

    def distrust(self) -> None:
        """Have the copy loaded anew: messages may have been lost."""
        self._stale = True

    async def refresh(self) -> None:
        """Load the copy from auth if it may be behind; a failure is tried again the next time."""
        self.copy.prune()
        if not self._stale:
            return
        # Before they are asked for: what is distrusted meanwhile stays so.
        self._stale, found = False, None
        try:
            found = await self._source.unexpired()
        except KasalError as fault:
            log.warning("revocations could not be loaded", reason=fault.message)
        finally:
            self._stale = self._stale or found is None
        if found is not None:
            self._loaded = True
            self.copy.add(found)
            self.on_revoked()

    async def keep_fresh(self, every: float) -> None:
        """Refresh at once and then every so many seconds, until cancelled."""
        while True:
            try:
                await self.refresh()
            except Exception:
                log.exception("loading revocations failed with a bug")
            await asyncio.sleep(every)
