"""Sessions: one login and the chain of single-use refresh tokens that comes from it."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from common.errors import Forbidden
from common.identity import Identity
from common.ids import new_id

GRACE = timedelta(seconds=10)
"""How long a used refresh token is accepted again while its successor is unused: for clients that lost
the response, and for two tabs that refresh at once."""
MOST_SIBLINGS = 20
"""Unused tokens that one token may have produced, and that a session may hold."""

LOGIN = "ses_"
"""What the ids of sessions begin with."""

Outcome = Literal["rotated", "reused", "unknown", "expired"]


def digest(secret: str) -> str:
    """Return the hash under which a secret is stored: long random ones need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_login(caller: Identity) -> bool:
    """Return whether the caller has logged in: API keys and the sandbox have not."""
    return caller.session_id.startswith(LOGIN)


def need_login(caller: Identity) -> None:
    """Raise `Forbidden` for API keys and the sandbox."""
    if not is_login(caller):
        raise Forbidden("This needs a login; an API key or the sandbox token is not one.")


@dataclass(frozen=True, slots=True)
class Unused:
    """A refresh token that has not been used: its hash, and that of the token it was given for.

    `since` is when that one was used first; for the first token, when the session began.
    """

    own: str
    parent: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class SpentToken:
    """The hash of a refresh token from a cookie, and when it was used first."""

    own: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A login.

    `family` is the hash of the part that all its refresh tokens share. `unused` are the tokens that
    may be used: one, or one for each tab or client that goes on with its own. `spent` are those that were used
    a moment ago, of a session in a cookie.
    """

    id: str
    user_id: str
    workspace_id: str
    family: str
    unused: tuple[Unused, ...]
    expires_at: datetime
    revoked_at: datetime | None = None
    version: int = 1
    spent: tuple[SpentToken, ...] = ()

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


def open_session(
    user_id: str, workspace_id: str, now: datetime, lifetime: timedelta
) -> tuple[Session, RefreshToken]:
    """Return a new session and its first refresh token."""
    token = RefreshToken(new_id("ses"), secrets.token_urlsafe(24), secrets.token_urlsafe(32))
    session = Session(
        id=token.session_id,
        user_id=user_id,
        workspace_id=workspace_id,
        family=digest(token.family),
        unused=(Unused(digest(token.own), None, now),),
        expires_at=now + lifetime,
    )
    return session, token


def rotate_token(
    session: Session,
    token: RefreshToken,
    now: datetime,
    lifetime: timedelta,
    *,
    shared: bool = False,
) -> tuple[Outcome, Session, RefreshToken]:
    """Use a refresh token of a usable session.

    `rotate_token` comes with the session as it must be stored and the new token. `reused` says that an
    old token was presented: the session must end (OAuth 2.0 Security BCP, RFC 9700, 4.14.2).
    `unknown` is one that the session never gave out: knowing a session's id is not enough to end it.
    `expired` is one that nobody used for a session's whole lifetime, while others of it went on.

    A `shared` one is from a cookie, which several tabs send: it keeps its grace though another tab used a successor.
    """
    if digest(token.family) != session.family:
        return "unknown", session, token
    shown, fresh = digest(token.own), token.next()
    mine = next((unused for unused in session.unused if unused.own == shown), None)
    if mine is not None:
        if now >= mine.since + lifetime:
            return "expired", session, token
        others = tuple(unused for unused in session.unused if unused is not mine)
        issued = Unused(digest(fresh.own), shown, now)
        spent = (*_recent(session, now), SpentToken(shown, now)) if shared else ()
        after = replace(_holding(session, (*others, issued)), spent=spent[-MOST_SIBLINGS:])
        return "rotated", replace(after, expires_at=now + lifetime), fresh
    siblings = [unused for unused in session.unused if unused.parent == shown]
    if siblings and now - siblings[0].since <= GRACE and len(siblings) < MOST_SIBLINGS:
        issued = Unused(digest(fresh.own), shown, siblings[0].since)
        return "rotated", _holding(session, (*session.unused, issued)), fresh
    used = next((spent for spent in _recent(session, now) if spent.own == shown), None)
    if shared and used is not None and len(siblings) < MOST_SIBLINGS:
        issued = Unused(digest(fresh.own), shown, used.at)
        return "rotated", _holding(session, (*session.unused, issued)), fresh
    return "reused", session, token


def _recent(session: Session, now: datetime) -> tuple[SpentToken, ...]:
    return tuple(spent for spent in session.spent if now - spent.at <= GRACE)


def _holding(session: Session, unused: tuple[Unused, ...]) -> Session:
    """Return the session with these tokens; beyond a number the oldest go."""
    kept = sorted(unused, key=lambda token: token.since)[-MOST_SIBLINGS:]
    return replace(session, unused=tuple(kept), version=session.version + 1)
