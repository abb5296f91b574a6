"""What budgets need from outside. Calls raise `Unavailable` while a backend is down."""

from collections.abc import Sequence
from typing import Protocol

from executor.domain.budgets.budget import WorkspaceBudget


class Budgets(Protocol):
    """The stored budgets: one document per workspace."""

    async def find(self, workspace_id: str) -> WorkspaceBudget | None:
        """Return the budget of a workspace, or None if it has none."""

    async def insert(self, budget: WorkspaceBudget) -> bool:
        """Store the first budget of a workspace; return False if it has one."""

    async def replace(self, before: WorkspaceBudget, after: WorkspaceBudget) -> bool:
        """Store `after` with the next version if the stored one is still `before`; return whether it was."""

    async def remove(self, workspace_id: str) -> None:
        """Remove the budget of a workspace."""

    async def with_leases(self, after: str, limit: int) -> Sequence[WorkspaceBudget]:
        """Return budgets that have leases, by the ids of their workspaces: those that follow `after`."""
