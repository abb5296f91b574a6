"""Which tokens were taken back, as both doors know it: a copy in memory, and Redis.

Auth's database has the truth, and auth writes it to Redis; see docs/reference/internal-api.md.
"""

import time
from collections.abc import Iterable

from common.contracts.messages import SessionRevoked
from common.identity import Identity

API_KEY_ID = "key_"
"""What the ids of API keys begin with."""
LOADED_KEY = "kasal:revocations:loaded"
"""Set while this Redis has been filled by auth since it was last empty."""


def session_key(session_id: str) -> str:
    """Return the key that is there while no token of this login or API key holds."""
    return f"kasal:revoked:session:{session_id}"


def user_key(workspace_id: str, user_id: str) -> str:
    """Return the key of the second up to which tokens were issued that hold no more."""
    return f"kasal:revoked:user:{workspace_id}:{user_id}"


class RevokedTokens:
    """A copy of the unexpired revocations, in memory."""

    def __init__(self) -> None:
        self._sessions: dict[str, float] = {}
        self._users: dict[tuple[str, str], tuple[int, float]] = {}

    def add(self, revocations: Iterable[SessionRevoked]) -> None:
        """Take revocations in, in any order; twice is once."""
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
        if not self._users:
            return False
        known = self._users.get((identity.workspace_id, identity.user_id))
        return known is not None and identity.issued_at <= known[0]

    def leaves_key(self, identity: Identity) -> bool:
        """Return whether the caller came with an API key that was not itself taken back.

        It is then good for a new token, with the rights its maker has now.
        """
        by_key = identity.session_id.startswith(API_KEY_ID)
        return by_key and identity.session_id not in self._sessions

    def prune(self) -> None:
        """Forget what concerns expired tokens only."""
        now = time.time()
        self._sessions = {key: until for key, until in self._sessions.items() if until > now}
        self._users = {key: entry for key, entry in self._users.items() if entry[1] > now}
