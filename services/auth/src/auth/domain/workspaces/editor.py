"""Changing a workspace that others may be changing too."""

from collections.abc import Callable

from auth.domain.ports import Workspaces
from auth.domain.workspaces.workspaces import Workspace
from common.errors import Conflict, NotFound
from common.idempotency.once import Receipt

_RACES = 10


class WorkspaceEditor:
    """Reads workspaces and stores their changes."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    async def find(self, workspace_id: str) -> Workspace:
        """Return the workspace. Raises `NotFound`."""
        found = await self._workspaces.find(workspace_id)
        if found is None:
            raise NotFound(f"There is no workspace {workspace_id}.")
        return found

    async def change(
        self,
        workspace_id: str,
        edit: Callable[[Workspace], Workspace],
        receipt: Receipt | None = None,
    ) -> Workspace:
        """Store what `edit` makes of the workspace, and return it.

        `edit` runs again on the newer state when somebody else was faster. Raises `Conflict` when
        that keeps happening, and whatever `edit` raises.
        """
        for _ in range(_RACES):
            changed = edit(await self.find(workspace_id))
            if await self._workspaces.replace(changed, receipt):
                return changed
        raise Conflict("The workspace is being changed from several places at once.")
