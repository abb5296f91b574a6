"""Which tokens were revoked: a door's own copy of auth's list, and Redis, which all doors share.

Auth's database has the truth; auth writes it to Redis and publishes it on the bus.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

from common.contracts.messages import SessionRevoked
from common.contracts.revocations import API_KEY_ID
from common.door.ports import RevocationReader, RevocationSource
from common.errors import KasalError, Unauthorized, Unavailable
from common.identity import Identity
from common.logs import get_logger

log = get_logger(__name__)

_LOADED_WITHIN = 2.0
"""Seconds that a caller waits for a copy that was never loaded."""


class TokenRevoked(Unauthorized):
    """The token was good once."""

    def __init__(self) -> None:
        super().__init__("The token has been revoked.")


class RevokedTokens:
    """A copy of the unexpired revocations, in memory."""

    def __init__(self) -> None:
        self._sessions: dict[str, float] = {}
        self._users: dict[tuple[str, str], tuple[int, float]] = {}

    def add(self, revocations: Iterable[SessionRevoked]) -> None:
        """Add revocations, in any order; repeats have no effect."""
        for entry in revocations:
            until = entry.expires_at.timestamp()
            if entry.session_id is not None:
                self._sessions[entry.session_id] = until
            if entry.user_id is not None and entry.workspace_id is not None:
                user = (entry.workspace_id, entry.user_id)
                known = self._users.get(user, (0, 0.0))
                revoked_at = int(entry.revoked_at.timestamp())  # as `iat`, in whole seconds
                self._users[user] = (max(known[0], revoked_at), max(known[1], until))

    def covers(self, identity: Identity) -> bool:
        """Return whether `identity`'s token was revoked."""
        if identity.session_id in self._sessions:
            return True
        if not self._users:
            return False
        known = self._users.get((identity.workspace_id, identity.user_id))
        return known is not None and identity.issued_at <= known[0]

    def leaves_key(self, identity: Identity) -> bool:
        """Return whether the caller used an API key that was not itself revoked.

        It can then be exchanged for a new token, with the rights that its creator has now.
        """
        by_key = identity.session_id.startswith(API_KEY_ID)
        return by_key and identity.session_id not in self._sessions

    def prune(self) -> None:
        """Drop revocations of expired tokens."""
        now = time.time()
        self._sessions = {key: until for key, until in self._sessions.items() if until > now}
        self._users = {key: entry for key, entry in self._users.items() if entry[1] > now}


class RevocationCopy:
    """A door's copy of the revocations: from the bus as they happen, else from auth.

    `on_change` is called after each change, to close what a revoked token has opened.
    """

    def __init__(self, source: RevocationSource) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._source = source
        self._tokens = RevokedTokens()
        self._loaded = asyncio.Event()
        self._outdated = asyncio.Event()
        self._outdated.set()

    def covers(self, identity: Identity) -> bool:
        """Return whether the copy knows that `identity`'s token was revoked."""
        return self._tokens.covers(identity)

    def leaves_key(self, identity: Identity) -> bool:
        """Return whether the caller's API key is still good for a new token."""
        return self._tokens.leaves_key(identity)

    def add(self, revocation: SessionRevoked) -> None:
        """Add one that came over the bus."""
        self._tokens.add([revocation])
        self.on_change()

    def reload(self) -> None:
        """Load the copy again: messages may have been lost, or Redis its content."""
        self._outdated.set()

    async def wait_until_loaded(self) -> None:
        """Return when the copy has been loaded at least once, nearly always immediately.

        Raises `Unavailable` if that takes too long: a token may be revoked even if an empty copy does
        not say so.
        """
        if self._loaded.is_set():
            return
        try:
            async with asyncio.timeout(_LOADED_WITHIN):
                await self._loaded.wait()
        except TimeoutError:
            raise Unavailable("It is not known yet whether the token is still valid.") from None

    async def keep_loaded(self, pause: float = 1.0, prune_every: float = 60.0) -> None:
        """Load the copy now and whenever `reload` was called, until cancelled.

        It loads at most every `pause` seconds, also while auth is down.
        """
        while True:
            if await self._is_outdated(prune_every):
                # Cleared first: a message lost while auth answers causes another load.
                self._outdated.clear()
                await self._load()
                await asyncio.sleep(pause)
            self._tokens.prune()

    async def _is_outdated(self, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                return await self._outdated.wait()
        except TimeoutError:
            return False

    async def _load(self) -> None:
        try:
            self._tokens.add(await self._source.revocations())
            self._loaded.set()
            self.on_change()
        except KasalError as fault:
            log.warning("revocations could not be loaded", reason=fault.message)
            self._outdated.set()
        except Exception:
            log.exception("loading the revocations failed with a bug")
            self._outdated.set()


class RevocationCheck:
    """Asks Redis whether a token was revoked, or the copy while Redis is down."""

    def __init__(self, copy: RevocationCopy, reader: RevocationReader) -> None:
        self._copy = copy
        self._reader = reader

    async def check(self, identity: Identity) -> None:
        """Return if `identity`'s token was not revoked.

        Raises `TokenRevoked`, or `Unavailable` if that cannot be known: Redis is down and the copy was
        never loaded.
        """
        if self._copy.covers(identity):
            raise TokenRevoked
        try:
            revoked = await self._reader.covers(identity)
        except Unavailable:
            self._copy.reload()
            await self._copy.wait_until_loaded()
            revoked = False
        # Check the copy again: a message may have come in the meantime.
        if revoked or self._copy.covers(identity):
            raise TokenRevoked
