"""Changing a workspace while others may do so too."""

from collections.abc import Callable

from auth.domain.ports import Workspaces
from auth.domain.workspaces.workspaces import Workspace
from common.errors import Conflict, NotFound
from common.idempotency.once import Receipt

_RACES = 10


class Changes:
    """Reads workspaces, and stores what becomes of them."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    async def find(self, workspace_id: str) -> Workspace:
        """Return the workspace. Raises `NotFound`."""
        found = await self._workspaces.find(workspace_id)
        if found is None:
            raise NotFound(f"There is no workspace {workspace_id}.")
        return found

    async def make(
        self,
        workspace_id: str,
        change: Callable[[Workspace], Workspace],
        receipt: Receipt | None = None,
    ) -> Workspace:
        """Return the workspace as `change` made and the store has taken it.

        `change` is asked again about a newer state when somebody else was faster. Raises `Conflict`
        when that happens again and again, and what `change` raises.
        """
        for _ in range(_RACES):
            changed = change(await self.find(workspace_id))
            if await self._workspaces.replace(changed, receipt):
                return changed
        raise Conflict("The workspace is being changed from several places at once.")
