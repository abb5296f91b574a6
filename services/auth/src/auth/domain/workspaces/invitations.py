"""Inviting people to a workspace, and accepting an invitation."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from auth.domain.accounts.accounts import Accounts
from auth.domain.accounts.users import User, checked_email
from auth.domain.letters import Letters
from auth.domain.logins.logins import Logins
from auth.domain.ports import Clock, Users, Workspaces
from auth.domain.tokens.sandbox import refuse_sandbox
from auth.domain.workspaces.belongings import MOST_BELONGINGS
from auth.domain.workspaces.editor import WorkspaceEditor
from auth.domain.workspaces.invitation import Invitation, InvitationToken, new_invitation, not_valid
from auth.domain.workspaces.workspaces import Member, Workspace
from common.errors import Conflict, Forbidden, Unauthorized
from common.idempotency.once import Once, at_most_once, receipt_of
from common.identity import Identity, Role
from common.times import utc_now


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation, its token, and whether a letter with it is on its way."""

    invitation: Invitation
    token: str
    mailed: bool


class Invitations:
    """People become members only by accepting: with the token, and as the holder of the address.

    What the inviter sees does not depend on whether the address has an account.
    """

    def __init__(
        self,
        workspaces: Workspaces,
        users: Users,
        accounts: Accounts,
        logins: Logins,
        letters: Letters,
        clock: Clock = utc_now,
    ) -> None:
        self._workspaces = workspaces
        self._editor = WorkspaceEditor(workspaces)
        self._users = users
        self._accounts = accounts
        self._logins = logins
        self._letters = letters
        self._clock = clock

    async def waiting(self, caller: Identity) -> Sequence[Invitation]:
        """Return the invitations that wait to be accepted, newest first."""
        now = self._clock()
        workspace = await self._editor.find(caller.workspace_id)
        waiting = [
            invitation for invitation in workspace.invitations if now < invitation.expires_at
        ]
        return sorted(waiting, key=lambda invitation: invitation.id, reverse=True)

    async def invite(
        self,
        caller: Identity,
        email: str,
        role: Role,
        name: str | None = None,
        once: Once[Invited] | None = None,
    ) -> Invited:
        """Invite the holder of an address; an earlier invitation of theirs ends.

        The token is returned this once, kept only in the receipt of `once`, sealed. Raises
        `InvalidRequest`, `Forbidden` above the caller's own role, `Conflict`, and as `at_most_once`.
        """
        refuse_sandbox(caller)
        caller.require(role)
        address = checked_email(email)

        async def make() -> Invited:
            now = self._clock()
            invitation, token = new_invitation(
                caller.workspace_id, address, name, role, caller.user_id, now
            )
            mailed = await self._letters.may_invite(caller.workspace_id, address)
            invited = Invited(invitation, str(token), mailed)
            changed = await self._editor.change(
                caller.workspace_id,
                lambda workspace: workspace.with_invitation(invitation, now),
                receipt_of(once, invited),
            )
            if invited.mailed:
                self._letters.invite(invitation, invited.token, changed)
            return invited

        return await at_most_once(once, self._workspaces, make)

    async def withdraw(self, caller: Identity, invitation_id: str) -> None:
        """Take an invitation back. Raises `NotFound`."""
        refuse_sandbox(caller)
        await self._editor.change(
            caller.workspace_id,
            lambda workspace: workspace.without_invitation(invitation_id, self._clock()),
        )

    async def accept(self, caller: Identity, text: str) -> tuple[User, Workspace]:
        """Join as the holder of the invited address, who is logged in.

        Raises `InvalidRequest` for a token that does not hold, `Forbidden` for another's address
        and for callers without a login.
        """
        await self._logins.check_open(caller)
        token = InvitationToken.read(text)
        invitation = await self._invitation(token)
        user = await self._users.find(caller.user_id)
        if user is None:
            raise Unauthorized("There is no such user any more.")
        if not invitation.is_for(user.email):
            raise Forbidden(
                "This invitation is for another e-mail address than that of this login."
            )
        return user, await self._join(user, token)

    async def accept_as(
        self, text: str, password: str, name: str | None, address: str
    ) -> tuple[User, Workspace]:
        """Join without a login: with the account's password or, where there is none yet, a new one.

        Nobody's password is set but that of an account made here. Raises as `accept` does, and
        `Unauthorized` or `RateLimited` as a login for a wrong password.
        """
        token = InvitationToken.read(text)
        invitation = await self._invitation(token)
        user = await self._holder(invitation, password, name, address)
        return user, await self._join(user, token)

    async def _holder(
        self, invitation: Invitation, password: str, name: str | None, address: str
    ) -> User:
        if await self._users.by_email(invitation.email) is None:
            called = name or invitation.name
            # Another request may make the account meanwhile: then it must be theirs.
            with contextlib.suppress(Conflict):
                return await self._accounts.create(invitation.email, password, called, address)
        return await self._logins.authenticate(invitation.email, password, address)

    async def _invitation(self, token: InvitationToken) -> Invitation:
        workspace = await self._workspaces.find(token.workspace_id)
        if workspace is None:
            raise not_valid()
        return workspace.invitation(token, self._clock())

    async def _join(self, user: User, token: InvitationToken) -> Workspace:
        if len(await self._workspaces.of_user(user.id)) >= MOST_BELONGINGS:
            raise Conflict(
                f"One person may belong to {MOST_BELONGINGS} workspaces; leave one of them first."
            )
        now = self._clock()

        def joining(workspace: Workspace) -> Workspace:
            invitation = workspace.invitation(token, now)
            member = Member(user.id, user.email, user.name, invitation.role, now)
            return workspace.with_acceptance(invitation, member)

        return await self._editor.change(token.workspace_id, joining)
