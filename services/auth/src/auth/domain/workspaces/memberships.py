"""Who belongs to a workspace with which role, and on which plan it is."""

from collections.abc import Sequence

from auth.domain.logins.revocations import user_revocation
from auth.domain.logins.sessions import is_login
from auth.domain.ports import Clock, RevocationAnnouncer, Sessions, Workspaces
from auth.domain.tokens.sandbox import refuse_sandbox
from auth.domain.tokens.workspace_keys import WorkspaceKeys
from auth.domain.workspaces.editor import WorkspaceEditor
from auth.domain.workspaces.workspaces import Member, Tier, Workspace, WorkspaceLimits
from common.errors import Forbidden, InvalidRequest
from common.identity import Identity, Role
from common.times import utc_now


class Memberships:
    """Changes to workspaces. Whoever loses a role, or the membership, loses their tokens."""

    def __init__(
        self,
        workspaces: Workspaces,
        sessions: Sessions,
        workspace_keys: WorkspaceKeys,
        announcer: RevocationAnnouncer,
        *,
        plan_changes: bool,
        clock: Clock = utc_now,
    ) -> None:
        self._editor = WorkspaceEditor(workspaces)
        self._sessions = sessions
        self._workspace_keys = workspace_keys
        self._announcer = announcer
        self._plan_changes = plan_changes
        self._clock = clock

    async def workspace(self, workspace_id: str) -> Workspace:
        """Return the workspace. Raises `NotFound`."""
        return await self._editor.find(workspace_id)

    async def members(self, caller: Identity) -> Sequence[Member]:
        """Return the members of the caller's workspace, newest first."""
        members = (await self.workspace(caller.workspace_id)).members
        return sorted(members, key=lambda member: (member.added_at, member.user_id), reverse=True)

    async def set_role(self, caller: Identity, user_id: str, role: Role) -> Member:
        """Change a member's role and end their access tokens; a refresh brings the new role.

        A role they have already changes nothing and ends nothing. Raises `NotFound`, `Forbidden`
        above the caller's own role, `Conflict` for the last owner.
        """
        refuse_sandbox(caller)
        member = (await self.workspace(caller.workspace_id)).member(user_id)
        if member.role is role and role <= caller.role:
            return member
        changed = await self._editor.change(
            caller.workspace_id,
            lambda workspace: workspace.with_role(user_id, role, caller.role, self._clock()),
        )
        await self._shut_out(changed, user_id)
        return changed.member(user_id)

    async def remove(self, caller: Identity, user_id: str) -> None:
        """Remove a member and end their logins and API keys here. Raises as `set_role` does.

        Anybody with a login may remove themselves; others are removed by admins.
        """
        refuse_sandbox(caller)
        leaving = user_id == caller.user_id and is_login(caller)
        if not leaving:
            caller.require(Role.ADMIN)
        changed = await self._editor.change(
            caller.workspace_id,
            lambda workspace: workspace.without_member(
                user_id, workspace.role_of(user_id) if leaving else caller.role, self._clock()
            ),
        )
        await self._sessions.end_in(changed.id, user_id, self._clock())
        await self._shut_out(changed, user_id)
        await self._workspace_keys.revoke_all_of(changed.id, user_id)

    async def _shut_out(self, workspace: Workspace, user_id: str) -> None:
        for out in workspace.shut_outs:
            if out.user_id == user_id:
                await self._announcer.announce(
                    user_revocation(workspace.id, user_id, out.at, out.until)
                )

    async def set_plan(
        self, caller: Identity, tier: Tier, limits: WorkspaceLimits | None
    ) -> Workspace:
        """Change the plan. Raises `Forbidden` where the operator does not allow it."""
        if not self._plan_changes:
            raise Forbidden("Only this installation's operator can change the plan.")
        if limits is not None and tier != "enterprise":
            reason = "Only the tier enterprise has limits of its own"
            raise InvalidRequest("Invalid plan", field="limits", reason=reason)
        return await self._editor.change(
            caller.workspace_id, lambda workspace: workspace.with_plan(tier, limits)
        )
