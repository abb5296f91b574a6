"""Which workspaces have a budget, as a process last read it: reading it for each job would cost each job."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from common.bounded_dict import BoundedDict
from executor.domain.budgets.budget import WorkspaceBudget
from executor.domain.budgets.ports import Budgets

_REMEMBERED = 10_000
FRESH = 1.0
"""Seconds for which a process goes by what it has read."""


@dataclass(slots=True)
class _Seen:
    budget: WorkspaceBudget | None = None
    read: float = float("-inf")
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class KnownBudgets:
    """Remembers budgets for a second."""

    def __init__(self, budgets: Budgets, clock: Callable[[], float] = time.monotonic) -> None:
        self._budgets = budgets
        self._clock = clock
        self._seen: BoundedDict[str, _Seen] = BoundedDict(_REMEMBERED)

    async def of(self, workspace_id: str, *, fresh: bool = False) -> WorkspaceBudget | None:
        """Return the budget of a workspace as it was a second ago at most, or None; with `fresh`, as it is now."""
        seen = self._seen.get(workspace_id)
        if seen is None:
            seen = self._seen[workspace_id] = _Seen()
        if self._clock() - seen.read < FRESH and not fresh:
            return seen.budget
        async with seen.reading:
            if fresh or self._clock() - seen.read >= FRESH:
                seen.budget = await self._budgets.find(workspace_id)
                seen.read = self._clock()
        return seen.budget

    def note(self, workspace_id: str, budget: WorkspaceBudget | None) -> None:
        """Remember what this process has just read or written."""
        seen = self._seen.get(workspace_id)
        if seen is None:
            seen = self._seen[workspace_id] = _Seen()
        seen.budget, seen.read = budget, self._clock()
