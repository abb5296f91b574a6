"""Sessions: one login and the chain of single-use refresh tokens that comes from it."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from common.ids import new_id

GRACE = timedelta(seconds=10)
"""For so long the direct parent of the newest refresh token is taken once more, for clients that
lost the answer."""
_MOST_SIBLINGS = 5

Outcome = Literal["rotated", "reused", "unknown"]


def hashed(secret: str) -> str:
    """Return what is stored of a secret: long and random ones need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Session:
    """A login.

    `current` are the hashes of the refresh tokens that may be used: one, or several when a parent
    was presented again within its grace. `parent` is the hash they came from.
    """

    id: str
    user_id: str
    workspace_id: str
    current: tuple[str, ...]
    parent: str | None
    rotated_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    version: int = 1

    def revoked(self, now: datetime) -> "Session":
        return replace(self, revoked_at=self.revoked_at or now, version=self.version + 1)

    def usable(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


def opened(
    user_id: str, workspace_id: str, now: datetime, lifetime: timedelta
) -> tuple[Session, str]:
    """Return a new session and its first refresh token."""
    session_id = new_id("ses")
    token = _token(session_id)
    session = Session(
        id=session_id,
        user_id=user_id,
        workspace_id=workspace_id,
        current=(hashed(token),),
        parent=None,
        rotated_at=now,
        expires_at=now + lifetime,
    )
    return session, token


def session_of(token: str) -> str:
    """Return the id of the session a refresh token names (it need not exist)."""
    return token.rpartition(".")[0]


def rotated(
    session: Session, token: str, now: datetime, lifetime: timedelta
) -> tuple[Outcome, Session, str]:
    """Use a refresh token of a usable session.

    `rotated` comes with the session as it must be stored and the new token; `reused` means that an
    old token was presented and the session, returned revoked, must be stored so. A token that the
    session never gave out is taken for an old one: nothing tells the two apart.
    """
    shown = hashed(token)
    fresh = _token(session.id)
    if shown in session.current:
        after = replace(
            session,
            current=(hashed(fresh),),
            parent=shown,
            rotated_at=now,
            expires_at=now + lifetime,
            version=session.version + 1,
        )
        return "rotated", after, fresh
    in_grace = shown == session.parent and now - session.rotated_at <= GRACE
    if in_grace and len(session.current) < _MOST_SIBLINGS:
        siblings = (*session.current, hashed(fresh))
        return "rotated", replace(session, current=siblings, version=session.version + 1), fresh
    return "reused", session.revoked(now), ""


def _token(session_id: str) -> str:
    return f"{session_id}.{secrets.token_urlsafe(32)}"
