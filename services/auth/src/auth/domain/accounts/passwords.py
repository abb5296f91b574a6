"""Changing a password, and replacing a forgotten one."""

import secrets
from datetime import datetime, timedelta

from auth.domain.accounts.attempts import Attempt, Attempts
from auth.domain.accounts.users import User, check_password
from auth.domain.letters import Letters
from auth.domain.logins.logins import Logins
from auth.domain.logins.revocations import session_revocation, user_revocation
from auth.domain.logins.sessions import digest
from auth.domain.ports import Clock, Passwords, RevocationAnnouncer, Sessions, Users, Workspaces
from auth.domain.tokens.workspace_keys import WorkspaceKeys
from auth.domain.workspaces.editor import WorkspaceEditor
from common.errors import Conflict, InvalidRequest, NotFound, Unauthorized
from common.identity import Identity
from common.times import utc_now

RESET_HOLDS = timedelta(hours=1)
MOST_ENDED_ONE_BY_ONE = 200
"""Logins that a password change ends one by one; with more, all tokens of the user have to be renewed."""


class PasswordChanges:
    """Sets passwords. Changing a password ends all other logins; a reset ends every login and API key.

    Whoever registered an address before its holder did must not keep access to the holder's account.
    """

    def __init__(
        self,
        users: Users,
        workspaces: Workspaces,
        sessions: Sessions,
        passwords: Passwords,
        attempts: Attempts,
        logins: Logins,
        workspace_keys: WorkspaceKeys,
        letters: Letters,
        announcer: RevocationAnnouncer,
        clock: Clock = utc_now,
    ) -> None:
        self._users = users
        self._workspaces = workspaces
        self._editor = WorkspaceEditor(workspaces)
        self._sessions = sessions
        self._passwords = passwords
        self._attempts = attempts
        self._logins = logins
        self._workspace_keys = workspace_keys
        self._letters = letters
        self._announcer = announcer
        self._clock = clock

    async def change(self, caller: Identity, current: str, new: str, address: str) -> None:
        """Set the caller's password; their other logins end, their open WebSockets too.

        Raises `Forbidden` without a login, `InvalidRequest` for a wrong or an unfit password,
        `RateLimited` after too many wrong ones, `Conflict` when it was changed at the same moment.
        """
        await self._logins.check_open(caller)
        check_password(new, "new_password")
        user = await self._users.find(caller.user_id)
        if user is None:
            raise Unauthorized("There is no such user any more.")
        # Counted by login: a stolen token must not allow guessing, nor lock the owner out.
        attempt = Attempt(user.id, f"{address} {caller.session_id}", known=True)
        async with self._attempts.turn(attempt):
            if not await self._passwords.matches(current, user.password_hash):
                await self._attempts.failed(attempt)
                reason = "It is not the current password"
                raise InvalidRequest("Wrong password", field="current_password", reason=reason)
            await self._attempts.succeeded(attempt)
        fresh = await self._passwords.hash(new)
        await self._end(user.id, caller.session_id)
        if not await self._users.set_password(user.id, user.password_hash, fresh):
            raise Conflict("The password was changed at the same moment; log in again.")
        await self._end(user.id, caller.session_id)
        self._letters.tell_of_change(user.email)

    async def forgot(self, email: str) -> None:
        """Send the holder of an account a token that sets a new password, if it has one.

        It goes to the stored address, never to the spelling in the request.
        """
        user = await self._users.by_email(email)
        if user is not None and await self._letters.may_reset(user.id):
            token = await _resetting(self._users, user, self._clock())
            self._letters.reset(user.email, token, int(RESET_HOLDS.total_seconds() // 60))

    async def reset(self, token: str, password: str) -> None:
        """Set a password by a token, which is then used up; all logins and API keys of the account end.

        Raises `InvalidRequest` for a token that does not hold and for an unfit password.
        """
        check_password(password)
        user_id, _, secret = token.partition(".")
        user = await self._users.resettable(user_id, digest(secret), self._clock())
        if user is None:
            raise _not_valid()
        fresh = await self._passwords.hash(password)
        # Both before and after: if the process dies in between, the token can be used again, and
        # anybody who logs in with the old password in the meantime is logged out.
        await self._end(user.id, None)
        await self._end_keys(user.id)
        if not await self._users.reset_password(user.id, digest(secret), fresh):
            raise _not_valid()
        await self._end(user.id, None)
        await self._end_keys(user.id)
        self._letters.tell_of_change(user.email)

    async def _end_keys(self, user_id: str) -> None:
        for belonging in await self._workspaces.of_user(user_id):
            await self._workspace_keys.revoke_all_of(belonging.workspace_id, user_id)

    async def _end(self, user_id: str, keep: str | None) -> None:
        now = self._clock()
        most = MOST_ENDED_ONE_BY_ONE if keep else 0
        ended = await self._sessions.end_others(user_id, keep, now, most)
        for session_id in ended or ():
            await self._announcer.announce(session_revocation(session_id, now))
        if keep is None or ended is None:
            await self._shut_out(user_id)

    async def _shut_out(self, user_id: str) -> None:
        """End all access tokens of a user, in every workspace."""
        for belonging in await self._workspaces.of_user(user_id):
            changed = await self._editor.change(
                belonging.workspace_id,
                lambda workspace: workspace.with_shut_out(user_id, self._clock()),
            )
            for out in changed.shut_outs:
                if out.user_id == user_id:
                    await self._announcer.announce(
                        user_revocation(changed.id, user_id, out.at, out.until)
                    )


async def new_reset_token(users: Users, email: str, clock: Clock = utc_now) -> str:
    """Return a reset token for the operator to hand over. Raises `NotFound`."""
    user = await users.by_email(email)
    if user is None:
        raise NotFound(f"There is no account of {email}.")
    return await _resetting(users, user, clock())


async def _resetting(users: Users, user: User, now: datetime) -> str:
    secret = secrets.token_urlsafe(32)
    await users.keep_reset(user.id, digest(secret), now + RESET_HOLDS)
    return f"{user.id}.{secret}"


def _not_valid() -> InvalidRequest:
    return InvalidRequest(
        "The token is not valid; ask for a new one.",
        field="token",
        reason="It is unknown, used or expired",
    )
