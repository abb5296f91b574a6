"""The budgets of workspaces in memory, with the same promises, for tests of the rules."""

from collections.abc import Sequence
from dataclasses import replace

from executor.domain.budgets.budget import WorkspaceBudget


class MemoryBudgets:
    """Fulfils `Budgets`. `reads` and `writes` count the calls."""

    def __init__(self) -> None:
        self.held: dict[str, WorkspaceBudget] = {}
        self.reads = self.writes = 0

    async def find(self, workspace_id: str) -> WorkspaceBudget | None:
        self.reads += 1
        return self.held.get(workspace_id)

    async def insert(self, budget: WorkspaceBudget) -> bool:
        self.writes += 1
        return self.held.setdefault(budget.workspace_id, budget) is budget

    async def replace(self, before: WorkspaceBudget, after: WorkspaceBudget) -> bool:
        self.writes += 1
        held = self.held.get(before.workspace_id)
        if held is None or held.version != before.version:
            return False
        self.held[before.workspace_id] = replace(after, version=before.version + 1)
        return True

    async def remove(self, workspace_id: str) -> None:
        self.held.pop(workspace_id, None)

    async def with_leases(self, after: str, limit: int) -> Sequence[WorkspaceBudget]:
        found = [one for name, one in sorted(self.held.items()) if one.leases and name > after]
        return found[:limit]
