"""Logging in, refreshing and logging out."""

from dataclasses import dataclass
from datetime import timedelta

from auth.domain.attempts import Attempts
from auth.domain.identities import member_identity
from auth.domain.ports import Announcer, Clock, Passwords, Sessions, TokenMint, Users, Workspaces
from auth.domain.revoking import session_revoked
from auth.domain.sessions import MOST_SIBLINGS, RefreshToken, Session, opened, rotated
from auth.domain.users import User, account_of
from auth.domain.workspaces import Workspace
from common.errors import Forbidden, Unauthorized, Unavailable
from common.identity import Identity
from common.times import utc_now

_WRONG = "The e-mail address or the password is wrong."
_NO_LONGER = "The refresh token is not valid any more."
_RACES = MOST_SIBLINGS + 5
"""Each lost race is somebody else's sibling, of which there are only so many."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login or a refresh gives. Lifetimes are seconds."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds that tokens live."""

    access: int
    refresh: int


class Logins:
    """Turns credentials into tokens."""

    def __init__(
        self,
        users: Users,
        workspaces: Workspaces,
        sessions: Sessions,
        passwords: Passwords,
        attempts: Attempts,
        mint: TokenMint,
        announcer: Announcer,
        lifetimes: Lifetimes,
        clock: Clock = utc_now,
    ) -> None:
        self._users = users
        self._workspaces = workspaces
        self._sessions = sessions
        self._passwords = passwords
        self._attempts = attempts
        self._mint = mint
        self._announcer = announcer
        self._lifetimes = lifetimes
        self._refresh_for = timedelta(seconds=lifetimes.refresh)
        self._clock = clock

    async def login(self, email: str, password: str, workspace_id: str | None) -> Tokens:
        """Return tokens for a workspace of the user's: the one named, else the oldest.

        Raises `Unauthorized` with the same text, after the same time, whether the address or the
        password is wrong, and `RateLimited` after too many tries.
        """
        user = await self._recognised(email, password)
        now = self._clock()
        workspace = await self._chosen(user, workspace_id)
        session, refresh_token = opened(user.id, workspace.id, now, self._refresh_for)
        identity = member_identity(
            workspace, user.id, session.id, asked_at=now, lifetime=self._lifetimes.access
        )
        await self._sessions.add(session)
        return self._tokens(identity, refresh_token)

    async def _recognised(self, email: str, password: str) -> User:
        account = account_of(email)
        async with self._attempts.turn(account):
            user = await self._users.by_email(email)
            right = await self._passwords.matches(password, user.password_hash if user else None)
            if user is None or not right:
                await self._attempts.failed(account)
                raise Unauthorized(_WRONG)
            await self._attempts.succeeded(account)
            return user

    async def _chosen(self, user: User, workspace_id: str | None) -> Workspace:
        for workspace in await self._workspaces.of_user(user.id):
            if workspace_id in {None, workspace.id}:
                return workspace
        raise Unauthorized(
            "You are not a member of any workspace."
            if workspace_id is None
            else f"You are not a member of a workspace {workspace_id}."
        )

    async def refresh(self, text: str) -> Tokens:
        """Use a refresh token, once. An old one ends the whole session. Raises `Unauthorized`."""
        token = RefreshToken.read(text)
        if token is None:
            raise Unauthorized(_NO_LONGER)
        for _ in range(_RACES):
            now = self._clock()
            session = await self._sessions.find(token.session_id)
            if session is None or not session.usable(now):
                raise Unauthorized(_NO_LONGER)
            outcome, after, fresh = rotated(session, token, now, self._refresh_for)
            if outcome == "reused":
                await self._end(session.id)
            if outcome != "rotated":
                raise Unauthorized(_NO_LONGER)
            identity = await self._renewed(session)
            if await self._sessions.replace(after):
                return self._tokens(identity, fresh)
        raise Unavailable("The session is being refreshed from several places at once.")

    async def _renewed(self, session: Session) -> Identity:
        now = self._clock()
        workspace = await self._workspaces.find(session.workspace_id)
        if workspace is None:
            raise Unauthorized(_NO_LONGER)
        return member_identity(
            workspace, session.user_id, session.id, asked_at=now, lifetime=self._lifetimes.access
        )

    async def logout(self, caller: Identity, refresh_token: str | None = None) -> None:
        """End the caller's session: its access and refresh tokens, its open WebSockets.

        The session of `refresh_token` ends too, when it is another one of the same user's.
        Raises `Forbidden` for API keys and the sandbox, which have no login to end.
        """
        if not caller.session_id.startswith("ses_"):
            raise Forbidden("Only a login can be logged out; an API key is deleted instead.")
        await self._end(caller.session_id)
        token = RefreshToken.read(refresh_token or "")
        if token is None or token.session_id == caller.session_id:
            return
        other = await self._sessions.find(token.session_id)
        if other is None or other.user_id != caller.user_id:
            return
        if rotated(other, token, self._clock(), self._refresh_for)[0] != "unknown":
            await self._end(other.id)

    async def _end(self, session_id: str) -> None:
        now = self._clock()
        await self._sessions.revoke(session_id, now)
        await self._announcer.announce(session_revoked(session_id, now))

    def _tokens(self, identity: Identity, refresh_token: RefreshToken) -> Tokens:
        return Tokens(
            access_token=self._mint.mint(identity),
            expires_in=self._lifetimes.access,
            refresh_token=str(refresh_token),
            refresh_expires_in=self._lifetimes.refresh,
        )
