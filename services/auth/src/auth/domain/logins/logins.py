"""Logging in, refreshing and logging out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from auth.domain.accounts.accounts import home_of
from auth.domain.accounts.attempts import NOWHERE, Attempt, Attempts, place_of
from auth.domain.accounts.users import User, account_of
from auth.domain.logins.revocations import session_revocation
from auth.domain.logins.sessions import (
    MOST_SIBLINGS,
    RefreshToken,
    Session,
    is_login,
    need_login,
    open_session,
    rotate_token,
)
from auth.domain.ports import (
    Clock,
    Passwords,
    RevocationAnnouncer,
    Sessions,
    TokenMint,
    Users,
    Workspaces,
)
from auth.domain.tokens.identities import member_identity
from auth.domain.workspaces.belongings import Belonging, entered_first
from common.errors import Forbidden, NotFound, Unauthorized, Unavailable
from common.identity import Identity
from common.times import utc_now

_WRONG = "The e-mail address or the password is wrong."
_NO_LONGER = "The refresh token is not valid any more."
_RACES = MOST_SIBLINGS + 5
"""Whoever wins a race adds a sibling token, and their number is bounded."""


@dataclass(frozen=True, slots=True)
class TokenPair:
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
        announcer: RevocationAnnouncer,
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

    async def login(
        self, email: str, password: str, workspace_id: str | None, address: str = NOWHERE
    ) -> TokenPair:
        """Return tokens for a workspace of the user's: the one named, else their own.

        Raises `Unauthorized` with the same text, after the same time, whether the e-mail address or
        the password is wrong, and `RateLimited` after too many tries from `address`.
        """
        user = await self.authenticate(email, password, address)
        tokens, session_id = await self._open_session(
            user, await self._choose_workspace(user, workspace_id)
        )
        # The password may have been changed, and its logins ended, since the comparison.
        now_known = await self._users.find(user.id)
        if now_known is None or now_known.password_hash != user.password_hash:
            await self._end(session_id)
            raise Unauthorized(_WRONG)
        return tokens

    async def authenticate(self, email: str, password: str, address: str) -> User:
        """Return the user whose password this is. Raises as `login` does."""
        user = await self._users.by_email(email)
        place = place_of(user.id, address) if user else ""
        known = user is not None and place in user.known_from
        attempt = Attempt(account_of(email), address, known)
        async with self._attempts.turn(attempt):
            right = await self._passwords.matches(password, user.password_hash if user else None)
            if user is None or not right:
                await self._attempts.failed(attempt)
                raise Unauthorized(_WRONG)
            await self._attempts.succeeded(attempt)
        if not known:
            await self._users.came_from(user.id, place)
        return user

    async def _choose_workspace(self, user: User, workspace_id: str | None) -> str:
        if workspace_id is not None:
            return workspace_id
        belongings = await self._workspaces.of_user(user.id)
        chosen = entered_first(user, belongings)
        if chosen is not None:
            return chosen.workspace_id
        # The user's own workspace is made with the account, unless the process died in between.
        if user.home is None or not await self._workspaces.add(home_of(user, self._clock())):
            raise Unauthorized("You are not a member of any workspace.")
        return user.home

    async def _open_session(self, user: User, workspace_id: str) -> tuple[TokenPair, str]:
        now = self._clock()
        workspace = await self._workspaces.find(workspace_id)
        if workspace is None or not workspace.has(user.id):
            raise Unauthorized(f"You are not a member of a workspace {workspace_id}.")
        session, refresh_token = open_session(user.id, workspace.id, now, self._refresh_for)
        identity = member_identity(
            workspace, user.id, session.id, asked_at=now, lifetime=self._lifetimes.access
        )
        await self._sessions.add(session)
        return self._tokens(identity, refresh_token), session.id

    async def switch(self, caller: Identity, workspace_id: str) -> TokenPair:
        """Return tokens for another workspace of the caller's, as a login does.

        The caller's present login stays valid. Raises `NotFound`, and `Forbidden` without a login.
        """
        await self.check_open(caller)
        user = await self._users.find(caller.user_id)
        if user is None:
            raise Unauthorized("There is no such user any more.")
        try:
            tokens, session_id = await self._open_session(user, workspace_id)
        except Unauthorized:
            raise NotFound(f"You are not a member of a workspace {workspace_id}.") from None
        try:
            await self.check_open(caller)  # it may have been ended in the meantime, with all others
        except Unauthorized:
            await self._end(session_id)
            raise
        return tokens

    async def belongings(self, caller: Identity) -> Sequence[Belonging]:
        """Return the workspaces the caller may switch to, the first joined first."""
        need_login(caller)
        found = await self._workspaces.of_user(caller.user_id)
        return sorted(found, key=lambda belonging: (belonging.joined_at, belonging.workspace_id))

    async def check_open(self, caller: Identity) -> None:
        """Raise `Unauthorized` when the caller's login has ended, `Forbidden` when the caller has none."""
        need_login(caller)
        session = await self._sessions.find(caller.session_id)
        if session is None or not session.usable(self._clock()):
            raise Unauthorized("This login has ended.")

    async def refresh(self, text: str, *, shared: bool = False) -> TokenPair:
        """Use a refresh token, once. An old one ends the whole session. Raises `Unauthorized`.

        One from a cookie is `shared` by all tabs of a browser.
        """
        token = RefreshToken.read(text)
        if token is None:
            raise Unauthorized(_NO_LONGER)
        for _ in range(_RACES):
            now = self._clock()
            session = await self._sessions.find(token.session_id)
            if session is None or not session.usable(now):
                raise Unauthorized(_NO_LONGER)
            outcome, after, fresh = rotate_token(
                session, token, now, self._refresh_for, shared=shared
            )
            if outcome == "reused":
                await self._end(session.id)
            if outcome != "rotated":
                raise Unauthorized(_NO_LONGER)
            identity = await self._renew(session)
            if await self._sessions.replace(after):
                return self._tokens(identity, fresh)
        raise Unavailable("The session is being refreshed from several places at once.")

    async def _renew(self, session: Session) -> Identity:
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
        if not is_login(caller):
            raise Forbidden("Only a login can be logged out; an API key is deleted instead.")
        await self._end(caller.session_id)
        await self.end_own(caller, refresh_token)

    async def end_own(self, caller: Identity, refresh_token: str | None) -> bool:
        """End the session of `refresh_token` if it is the caller's; return whether nobody can use the token any more."""
        token = RefreshToken.read(refresh_token or "")
        if token is None or token.session_id == caller.session_id:
            return True
        other = await self._sessions.find(token.session_id)
        if other is None:
            return True
        if rotate_token(other, token, self._clock(), self._refresh_for)[0] == "unknown":
            return True
        if other.user_id != caller.user_id:
            return False
        await self._end(other.id)
        return True

    async def _end(self, session_id: str) -> None:
        now = self._clock()
        await self._sessions.revoke(session_id, now)
        await self._announcer.announce(session_revocation(session_id, now))

    def _tokens(self, identity: Identity, refresh_token: RefreshToken) -> TokenPair:
        return TokenPair(
            access_token=self._mint.mint(identity),
            expires_in=self._lifetimes.access,
            refresh_token=str(refresh_token),
            refresh_expires_in=self._lifetimes.refresh,
        )
