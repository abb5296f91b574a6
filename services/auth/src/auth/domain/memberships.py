"""Who belongs to a workspace with which role, and on which plan it is."""

from collections.abc import Callable, Sequence

from auth.domain.accounts import Accounts
from auth.domain.key_cabinet import KeyCabinet
from auth.domain.ports import Announcer, Clock, Users, Workspaces
from auth.domain.revoking import user_revoked
from auth.domain.sandbox import refuse_sandbox
from auth.domain.users import User
from auth.domain.workspaces import Limits, Member, Tier, Workspace
from common.errors import Conflict, Forbidden, InvalidRequest, NotFound
from common.idempotency.once import Once, Receipt, at_most_once, receipt_of
from common.identity import Identity, Role
from common.times import utc_now

_RACES = 10


class Memberships:
    """Changes to workspaces. Whoever loses a role, or the membership, loses their tokens."""

    def __init__(
        self,
        workspaces: Workspaces,
        users: Users,
        accounts: Accounts,
        cabinet: KeyCabinet,
        announcer: Announcer,
        *,
        plan_changes: bool,
        clock: Clock = utc_now,
    ) -> None:
        self._workspaces = workspaces
        self._users = users
        self._accounts = accounts
        self._cabinet = cabinet
        self._announcer = announcer
        self._plan_changes = plan_changes
        self._clock = clock

    async def workspace(self, workspace_id: str) -> Workspace:
        """Return the workspace. Raises `NotFound`."""
        found = await self._workspaces.find(workspace_id)
        if found is None:
            raise NotFound(f"There is no workspace {workspace_id}.")
        return found

    async def members(self, caller: Identity) -> Sequence[Member]:
        """Return the members of the caller's workspace, newest first."""
        members = (await self.workspace(caller.workspace_id)).members
        return sorted(members, key=lambda one: (one.added_at, one.user_id), reverse=True)

    async def add(
        self,
        caller: Identity,
        email: str,
        role: Role,
        password: str | None,
        name: str | None,
        once: Once[Member] | None = None,
    ) -> Member:
        """Add a person; one without an account gets one with `password`.

        Raises `InvalidRequest`, `Forbidden` above the caller's own role, `Conflict`, and as
        `at_most_once`.
        """
        refuse_sandbox(caller)
        caller.require(role)

        async def make() -> Member:
            user = await self._person(email, password, name)
            member = Member(user.id, user.email, user.name, role, self._clock())
            await self._change(
                caller.workspace_id,
                lambda workspace: workspace.with_member(member),
                receipt_of(once, member),
            )
            return member

        return await at_most_once(once, self._workspaces, make)

    async def _person(self, email: str, password: str | None, name: str | None) -> User:
        known = await self._users.by_email(email)
        if known is not None:
            return known
        if password is None:
            reason = "Nobody has this address yet; give a first password"
            raise InvalidRequest("Invalid member", field="password", reason=reason)
        try:
            return await self._accounts.create(email, password, name)
        except Conflict:  # another request has made the account since it was asked for
            known = await self._users.by_email(email)
            if known is None:
                raise
            return known

    async def set_role(self, caller: Identity, user_id: str, role: Role) -> Member:
        """Change a member's role and end their access tokens; a refresh brings the new role.

        A role they have already changes nothing and ends nothing. Raises `NotFound`, `Forbidden`
        above the caller's own role, `Conflict` for the last owner.
        """
        refuse_sandbox(caller)
        member = (await self.workspace(caller.workspace_id)).member(user_id)
        if member.role is role and role <= caller.role:
            return member
        changed = await self._change(
            caller.workspace_id,
            lambda workspace: workspace.with_role(user_id, role, caller.role, self._clock()),
        )
        await self._shut_out(changed, user_id)
        return changed.member(user_id)

    async def remove(self, caller: Identity, user_id: str) -> None:
        """Remove a member and end their tokens and API keys here. Raises as `set_role` does."""
        refuse_sandbox(caller)
        changed = await self._change(
            caller.workspace_id,
            lambda workspace: workspace.without_member(user_id, caller.role, self._clock()),
        )
        await self._shut_out(changed, user_id)
        await self._cabinet.revoke_all_of(changed.id, user_id)

    async def _shut_out(self, workspace: Workspace, user_id: str) -> None:
        for out in workspace.shut_outs:
            if out.user_id == user_id:
                await self._announcer.announce(
                    user_revoked(workspace.id, user_id, out.at, out.until)
                )

    async def set_plan(self, caller: Identity, tier: Tier, limits: Limits | None) -> Workspace:
        """Change the plan. Raises `Forbidden` where the operator does not allow it."""
        if not self._plan_changes:
            raise Forbidden("The plan is changed by this installation's operator.")
        if limits is not None and tier != "enterprise":
            reason = "Only the tier enterprise has limits of its own"
            raise InvalidRequest("Invalid plan", field="limits", reason=reason)
        return await self._change(
            caller.workspace_id, lambda workspace: workspace.with_plan(tier, limits)
        )

    async def _change(
        self,
        workspace_id: str,
        change: Callable[[Workspace], Workspace],
        receipt: Receipt | None = None,
    ) -> Workspace:
        for _ in range(_RACES):
            changed = change(await self.workspace(workspace_id))
            if await self._workspaces.replace(changed, receipt):
                return changed
        raise Conflict("The workspace is being changed from several places at once.")
