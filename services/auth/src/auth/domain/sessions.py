"""Sessions: one login and the chain of single-use refresh tokens that comes from it."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from common.ids import new_id

GRACE = timedelta(seconds=10)
"""For so long the direct parent of the newest refresh token is taken again, for clients that lost
the answer."""
MOST_SIBLINGS = 20

Outcome = Literal["rotated", "reused", "unknown"]


def hashed(secret: str) -> str:
    """Return what is stored of a secret: long and random ones need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Session:
    """A login.

    `family` is the hash of the part that all its refresh tokens share. `current` are the hashes of
    those that may be used: one, or several when their parent was presented again within its grace.
    `parent` is the hash of the token they came from.
    """

    id: str
    user_id: str
    workspace_id: str
    family: str
    current: tuple[str, ...]
    parent: str | None
    rotated_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    version: int = 1

    def usable(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token taken apart: whose it is, the family's secret, its own."""

    session_id: str
    family: str
    own: str

    @classmethod
    def read(cls, text: str) -> "RefreshToken | None":
        """Return the token, or None when `text` has not the form of one."""
        parts = text.split(".")
        return cls(*parts) if len(parts) == 3 and all(parts) else None

    def __str__(self) -> str:
        return f"{self.session_id}.{self.family}.{self.own}"

    def next(self) -> "RefreshToken":
        """Return a new token of the same family."""
        return replace(self, own=secrets.token_urlsafe(32))


def opened(
    user_id: str, workspace_id: str, now: datetime, lifetime: timedelta
) -> tuple[Session, RefreshToken]:
    """Return a new session and its first refresh token."""
    token = RefreshToken(new_id("ses"), secrets.token_urlsafe(24), secrets.token_urlsafe(32))
    session = Session(
        id=token.session_id,
        user_id=user_id,
        workspace_id=workspace_id,
        family=hashed(token.family),
        current=(hashed(token.own),),
        parent=None,
        rotated_at=now,
        expires_at=now + lifetime,
    )
    return session, token


def rotated(
    session: Session, token: RefreshToken, now: datetime, lifetime: timedelta
) -> tuple[Outcome, Session, RefreshToken]:
    """Use a refresh token of a usable session.

    `rotated` comes with the session as it must be stored and the new token. `reused` says that an
    old token was presented: the session must end (OAuth 2.0 Security BCP, RFC 9700, 4.14.2).
    `unknown` is one that the session never gave out: knowing a session's id is not enough to end it.
    """
    if hashed(token.family) != session.family:
        return "unknown", session, token
    shown, fresh = hashed(token.own), token.next()
    if shown in session.current:
        after = replace(
            session,
            current=(hashed(fresh.own),),
            parent=shown,
            rotated_at=now,
            expires_at=now + lifetime,
            version=session.version + 1,
        )
        return "rotated", after, fresh
    in_grace = shown == session.parent and now - session.rotated_at <= GRACE
    if in_grace and len(session.current) < MOST_SIBLINGS:
        siblings = (*session.current, hashed(fresh.own))
        return "rotated", replace(session, current=siblings, version=session.version + 1), fresh
    return "reused", session, token
