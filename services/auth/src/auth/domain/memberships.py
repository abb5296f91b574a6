"""Who belongs to a workspace with which role, and on which plan it is."""

from collections.abc import Callable, Sequence

from auth.domain.accounts import Accounts
from auth.domain.ports import ApiKeys, Users, Workspaces
from auth.domain.revoking import Revoker
from auth.domain.workspaces import Limits, Member, Tier, Workspace
from common.errors import Conflict, Forbidden, InvalidRequest, NotFound
from common.identity import Identity, Role
from common.times import utc_now

_RACES = 5


class Memberships:
    """Changes to workspaces. Whoever loses a role, or the membership, loses their tokens."""

    def __init__(
        self,
        workspaces: Workspaces,
        users: Users,
        accounts: Accounts,
        api_keys: ApiKeys,
        revoker: Revoker,
        *,
        plan_changes: bool,
    ) -> None:
        self._workspaces = workspaces
        self._users = users
        self._accounts = accounts
        self._api_keys = api_keys
        self._revoker = revoker
        self._plan_changes = plan_changes

    async def workspace(self, workspace_id: str) -> Workspace:
        """Return the workspace. Raises `NotFound`."""
        found = await self._workspaces.find(workspace_id)
        if found is None:
            raise NotFound("There is no such workspace.")
        return found

    async def members(self, caller: Identity) -> Sequence[Member]:
        return (await self.workspace(caller.workspace_id)).members

    async def add(
        self, caller: Identity, email: str, role: Role, password: str | None, name: str | None
    ) -> Member:
        """Add a person; one without an account gets one with `password`.

        Raises `InvalidRequest`, `Forbidden` above the caller's own role, `Conflict`.
        """
        caller.require(role)
        user = await self._users.by_email(email)
        if user is None:
            if password is None:
                reason = "Nobody has this address yet; give a first password"
                raise InvalidRequest("Invalid member", field="password", reason=reason)
            user = await self._accounts.create(email, password, name)
        member = Member(user.id, user.email, user.name, role, utc_now())
        await self._change(caller.workspace_id, lambda workspace: workspace.with_member(member))
        return member

    async def set_role(self, caller: Identity, user_id: str, role: Role) -> Member:
        changed = await self._change(
            caller.workspace_id, lambda workspace: workspace.with_role(user_id, role, caller.role)
        )
        await self._shut_out(caller.workspace_id, user_id)
        return changed.member(user_id)

    async def remove(self, caller: Identity, user_id: str) -> None:
        await self._change(
            caller.workspace_id, lambda workspace: workspace.without_member(user_id, caller.role)
        )
        await self._shut_out(caller.workspace_id, user_id)

    async def _shut_out(self, workspace_id: str, user_id: str) -> None:
        for key in await self._api_keys.of_user(workspace_id, user_id):
            await self._api_keys.remove(workspace_id, key.id)
        await self._revoker.user(workspace_id, user_id)

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
        self, workspace_id: str, change: Callable[[Workspace], Workspace]
    ) -> Workspace:
        for _ in range(_RACES):
            changed = change(await self.workspace(workspace_id))
            if await self._workspaces.replace(changed):
                return changed
        raise Conflict("The workspace is being changed from several places at once.")
