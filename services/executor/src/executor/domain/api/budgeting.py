"""A workspace's budget as its admins see and set it, and as it bounds what is submitted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from common.errors import BudgetExceeded, Conflict, several
from common.times import rfc3339, utc_now
from executor.domain.api.ports import PricedCrews
from executor.domain.budgets.amounts import Amount, Limits
from executor.domain.budgets.budget import WorkspaceBudget, month_end, month_of
from executor.domain.budgets.known import KnownBudgets
from executor.domain.budgets.ports import Budgets
from executor.domain.budgets.wording import refusal
from executor.domain.ending.ports import Counters
from executor.domain.ending.tallies import ModelUse, Tally, sum_tallies

_RACES = 50


class Budgeting:
    """Sets and shows budgets, and refuses jobs of workspaces that have used theirs."""

    def __init__(
        self,
        budgets: Budgets,
        counters: Counters,
        crews: PricedCrews,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._budgets = budgets
        self._counters = counters
        self._crews = crews
        self._known = KnownBudgets(budgets)
        self._now = now

    async def find(self, workspace_id: str) -> WorkspaceBudget | None:
        """Return the budget of a workspace as it is in this month, or None."""
        found = await self._budgets.find(workspace_id)
        return None if found is None else found.at(self._now())

    async def set(self, workspace_id: str, limits: Limits) -> WorkspaceBudget:
        """Set the limits of a workspace. What it has used in this month counts, also from before."""
        for _ in range(_RACES):
            found = await self.find(workspace_id)
            if found is None:
                month = month_of(self._now())
                spent = await self._month_use(workspace_id, month)
                made = WorkspaceBudget(workspace_id, limits, month, spent)
                done = await self._budgets.insert(made)
            else:
                made = replace(found, limits=limits)
                done = await self._budgets.replace(found, made)
            if done:
                self._known.note(workspace_id, made)
                return made
        raise Conflict("The budget is being changed from several places at once; send this again.")

    async def remove(self, workspace_id: str) -> None:
        """Remove the budget of a workspace."""
        await self._budgets.remove(workspace_id)
        self._known.note(workspace_id, None)

    async def _month_use(self, workspace_id: str, month: str) -> Amount:
        """Return what the jobs that ended in a month have used."""
        stats = await self._counters.of_workspace(workspace_id)
        ended = sum_tallies(crew.months.get(month, Tally()) for crew in stats)
        return Amount(sum(crew.uses.get(month, ModelUse()).nano for crew in stats), ended.tokens)

    async def check(self, workspace_id: str, crew_id: str, version: int | None = None) -> None:
        """Raise `BudgetExceeded` if the workspace has used its budget.

        Raises `InvalidRequest` if it is one of money and a model of the crew, in this version, has no known price.
        """
        known = await self._known.of(workspace_id)
        if known is None:
            return
        budget = known.at(self._now())
        if budget.used_up:
            raise BudgetExceeded(
                refusal(budget),
                reason="the budget of the month is used up",
                details={"month": budget.month, "resets_at": rfc3339(month_end(budget.month))},
            )
        if budget.limits.nano is None:
            return
        faults = await self._crews.unknown_prices(workspace_id, crew_id, version)
        if faults:
            raise several(
                [
                    {"field": f"crew.{fault['field']}", "reason": fault["reason"]}
                    for fault in faults
                ],
                f"{faults[0]['reason']}, and the workspace has a budget in US dollars, which could not bound it. Name "
                "another model, or have an admin bound tokens instead (PUT /workspace/budget).",
            )
