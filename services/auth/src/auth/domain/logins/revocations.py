"""Ending access tokens before they expire.

A revocation is part of the document it concerns: a session, an API key, or a workspace for one of
its members. So the change and the revocation are one write; the doors are notified afterwards.
"""

from datetime import UTC, datetime, timedelta

from common.contracts.messages import SessionRevoked

LONGEST_ACCESS = timedelta(days=1)
"""No access token lives longer, whatever the setting is or was."""
REVOKED_FOR = LONGEST_ACCESS + timedelta(minutes=1)
"""How long a revocation is kept: the longest token lifetime plus clock skew."""


def session_revocation(session_id: str, now: datetime) -> SessionRevoked:
    """Return the message that all tokens of a login or an API key have ended."""
    return SessionRevoked(session_id=session_id, revoked_at=now, expires_at=now + REVOKED_FOR)


def user_revocation(workspace_id: str, user_id: str, at: int, until: datetime) -> SessionRevoked:
    """Return the message that a member's tokens issued at or before `at` have ended."""
    return SessionRevoked(
        user_id=user_id,
        workspace_id=workspace_id,
        revoked_at=datetime.fromtimestamp(at, UTC),
        expires_at=until,
    )
