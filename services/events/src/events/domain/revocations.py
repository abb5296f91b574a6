"""Which tokens were taken back, as a door knows it."""

import asyncio
import time
from collections.abc import Callable, Iterable

from common.contracts.messages import SessionRevoked
from common.errors import KasalError, Unavailable
from common.identity import Identity
from common.logs import get_logger
from events.domain.ports import RevocationBoard, RevocationSource

log = get_logger(__name__)


class RevokedTokens:
    """A copy of the unexpired revocations, in memory."""

    def __init__(self) -> None:
        self._sessions: dict[str, float] = {}
        self._users: dict[tuple[str, str], tuple[int, float]] = {}

    def add(self, revocations: Iterable[SessionRevoked]) -> None:
        for entry in revocations:
            until = entry.expires_at.timestamp()
            if entry.session_id is not None:
                self._sessions[entry.session_id] = until
            if entry.user_id is not None and entry.workspace_id is not None:
                user = (entry.workspace_id, entry.user_id)
                known = self._users.get(user, (0, 0.0))
                revoked_at = int(entry.revoked_at.timestamp())  # as `iat`, in whole seconds
                self._users[user] = (max(known[0], revoked_at), max(known[1], until))

    def cover(self, identity: Identity) -> bool:
        """Return whether `identity`'s token no longer holds."""
        if identity.session_id in self._sessions:
            return True
        revoked_at, _ = self._users.get((identity.workspace_id, identity.user_id), (-1, 0.0))
        return identity.issued_at <= revoked_at

    def prune(self) -> None:
        """Forget what concerns expired tokens only."""
        now = time.time()
        self._sessions = {key: until for key, until in self._sessions.items() if until > now}
        self._users = {key: entry for key, entry in self._users.items() if entry[1] > now}


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
        try:
            self.copy.add(await self._source.unexpired())
        except KasalError as fault:
            log.warning("revocations could not be loaded", reason=fault.message)
            return
        self._stale, self._loaded = False, True
        self.on_revoked()

    async def keep_fresh(self, every: float) -> None:
        """Refresh at once and then every so many seconds, until cancelled."""
        while True:
            try:
                await self.refresh()
            except Exception:
                log.exception("loading revocations failed with a bug")
            await asyncio.sleep(every)
