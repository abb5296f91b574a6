"""Ending tokens before they expire: the database first, then the doors."""

from datetime import timedelta

from auth.domain.ports import Announcer, Revocations
from common.contracts.messages import SessionRevoked
from common.times import utc_now


class Revoker:
    """Ends the access tokens of a session or of a user in a workspace."""

    def __init__(
        self, revocations: Revocations, announcer: Announcer, access_ttl: timedelta
    ) -> None:
        self._revocations = revocations
        self._announcer = announcer
        self._access_ttl = access_ttl

    async def session(self, session_id: str) -> None:
        """End all tokens of a login or an API key."""
        now = utc_now()
        await self._end(
            SessionRevoked(session_id=session_id, revoked_at=now, expires_at=now + self._access_ttl)
        )

    async def user(self, workspace_id: str, user_id: str) -> None:
        """End the tokens a user has for a workspace now; later ones hold."""
        now = utc_now()
        await self._end(
            SessionRevoked(
                user_id=user_id,
                workspace_id=workspace_id,
                revoked_at=now,
                expires_at=now + self._access_ttl,
            )
        )

    async def _end(self, revocation: SessionRevoked) -> None:
        await self._revocations.add(revocation)
        await self._announcer.announce(revocation)
