"""The door's own copy of the unexpired revocations."""

import asyncio
import time
from collections.abc import Iterable

from common.contracts.messages import SessionRevoked
from common.errors import KasalError
from common.identity import Identity
from common.logs import get_logger
from gateway.domain.ports import RevocationSource

log = get_logger(__name__)


class Revocations:
    """Filled from the bus as they happen, and from auth whenever some may have been missed."""

    def __init__(self, source: RevocationSource) -> None:
        self._source = source
        self._sessions: dict[str, float] = {}
        self._users: dict[tuple[str, str], tuple[int, float]] = {}
        self._missed = asyncio.Event()
        self._missed.set()

    def covers(self, identity: Identity) -> bool:
        """Return whether the copy knows that `identity`'s token was taken back."""
        if identity.session_id in self._sessions:
            return True
        if not self._users:
            return False
        known = self._users.get((identity.workspace_id, identity.user_id))
        return known is not None and identity.issued_at <= known[0]

    def add(self, revoked: SessionRevoked) -> None:
        """Remember one revocation."""
        until = revoked.expires_at.timestamp()
        if revoked.session_id is not None:
            self._sessions[revoked.session_id] = until
        if revoked.user_id is not None and revoked.workspace_id is not None:
            user = (revoked.workspace_id, revoked.user_id)
            known = self._users.get(user, (0, 0.0))
            at = int(revoked.revoked_at.timestamp())
            self._users[user] = (max(known[0], at), max(known[1], until))

    def missed(self) -> None:
        """Have the copy loaded anew: Redis or the bus was away, or Redis has lost its content."""
        self._missed.set()

    async def keep_loaded(self, pause: float = 2.0, prune_every: float = 60.0) -> None:
        """Load the copy now and whenever `missed` was called, until cancelled.

        At most every `pause` seconds; auth being away is tried again after the same time.
        """
        while True:
            await self._prompted(prune_every)
            if self._missed.is_set():
                self._missed.clear()
                await self._load()
                await asyncio.sleep(pause)

    async def _prompted(self, prune_every: float) -> None:
        try:
            async with asyncio.timeout(prune_every):
                await self._missed.wait()
        except TimeoutError:
            self._prune()

    async def _load(self) -> None:
        try:
            found: Iterable[SessionRevoked] = await self._source.revocations()
        except KasalError as fault:
            log.warning("revocations could not be loaded", reason=fault.message)
            self._missed.set()
            return
        except Exception:
            log.exception("loading the revocations failed with a bug")
            self._missed.set()
            return
        for revoked in found:
            self.add(revoked)
        self._prune()

    def _prune(self) -> None:
        now = time.time()
        self._sessions = {key: until for key, until in self._sessions.items() if until > now}
        self._users = {key: entry for key, entry in self._users.items() if entry[1] > now}
