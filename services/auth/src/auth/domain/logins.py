"""Logging in, refreshing and logging out."""

import time
from dataclasses import dataclass
from datetime import timedelta

from auth.domain.ports import Failures, Passwords, Sessions, TokenMint, Users, Workspaces
from auth.domain.revoking import Revoker
from auth.domain.sessions import Session, opened, rotated, session_of
from auth.domain.users import User, account_of
from auth.domain.workspaces import Workspace
from common.errors import RateLimited, Unauthorized, Unavailable
from common.identity import Identity, Role
from common.times import utc_now

MOST_FAILURES = 10
"""Wrong passwords an account may have within a quarter of an hour."""
_WRONG = "The e-mail address or the password is wrong."
_NO_LONGER = "The refresh token is not valid any more."
_RACES = 5


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login or a refresh gives. Lifetimes are seconds."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


class Logins:
    """Turns credentials into tokens."""

    def __init__(
        self,
        users: Users,
        workspaces: Workspaces,
        sessions: Sessions,
        passwords: Passwords,
        failures: Failures,
        mint: TokenMint,
        revoker: Revoker,
        access_ttl: int,
        refresh_ttl: int,
    ) -> None:
        self._users = users
        self._workspaces = workspaces
        self._sessions = sessions
        self._passwords = passwords
        self._failures = failures
        self._mint = mint
        self._revoker = revoker
        self._access_ttl = access_ttl
        self._refresh_ttl = timedelta(seconds=refresh_ttl)

    async def login(self, email: str, password: str, workspace_id: str | None) -> Tokens:
        """Return tokens for a workspace of the user's: the one named, else the oldest.

        Raises `Unauthorized` with the same text, after the same time, whether the address or the
        password is wrong, and `RateLimited` after too many tries.
        """
        account = account_of(email)
        count, seconds_left = await self._failures.count(account)
        if count >= MOST_FAILURES:
            raise RateLimited("Too many failed logins for this account.", retry_after=seconds_left)
        user = await self._users.by_email(email)
        right = await self._passwords.matches(password, user.password_hash if user else None)
        workspace = await self._chosen(user, workspace_id) if user and right else None
        if user is None or workspace is None:
            await self._failures.add(account)
            raise Unauthorized(_WRONG)
        await self._failures.clear(account)
        session, refresh_token = opened(user.id, workspace.id, utc_now(), self._refresh_ttl)
        await self._sessions.add(session)
        return await self._tokens(session, workspace.member(user.id).role, refresh_token)

    async def _chosen(self, user: User, workspace_id: str | None) -> Workspace | None:
        theirs = await self._workspaces.of_user(user.id)
        if workspace_id is None:
            return theirs[0] if theirs else None
        return next((one for one in theirs if one.id == workspace_id), None)

    async def refresh(self, token: str) -> Tokens:
        """Use a refresh token, once. An old one ends the whole session. Raises `Unauthorized`."""
        for _ in range(_RACES):
            session = await self._sessions.find(session_of(token))
            now = utc_now()
            if session is None or not session.usable(now):
                raise Unauthorized(_NO_LONGER)
            outcome, after, fresh = rotated(session, token, now, self._refresh_ttl)
            if not await self._sessions.replace(after):
                continue  # somebody else used a token of this session at the same moment
            if outcome != "rotated":
                await self._revoker.session(session.id)
                raise Unauthorized(_NO_LONGER)
            return await self._tokens(after, await self._role(after), fresh)
        raise Unavailable("The session is being refreshed from several places at once.")

    async def _role(self, session: Session) -> Role:
        workspace = await self._workspaces.find(session.workspace_id)
        if workspace is None:
            raise Unauthorized(_NO_LONGER)
        return workspace.role_of(session.user_id)

    async def logout(self, identity: Identity) -> None:
        """End the caller's session: its access and refresh tokens, its open WebSockets."""
        for _ in range(_RACES):
            session = await self._sessions.find(identity.session_id)
            if session is None or session.revoked_at is not None:
                break
            if await self._sessions.replace(session.revoked(utc_now())):
                break
        await self._revoker.session(identity.session_id)

    async def _tokens(self, session: Session, role: Role, refresh_token: str) -> Tokens:
        now = int(time.time())
        identity = Identity(
            user_id=session.user_id,
            workspace_id=session.workspace_id,
            role=role,
            session_id=session.id,
            issued_at=now,
            expires_at=now + self._access_ttl,
        )
        return Tokens(
            access_token=await self._mint.mint(identity),
            expires_in=self._access_ttl,
            refresh_token=refresh_token,
            refresh_expires_in=int(self._refresh_ttl.total_seconds()),
        )
