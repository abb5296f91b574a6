"""A run's part in its workspace's budget of the month: set aside before each request, settled after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from executor.domain.budgets.amounts import NOTHING, Amount, nano_of
from executor.domain.budgets.budget import Wanted, WorkspaceBudget
from executor.domain.budgets.purse import BudgetRefused
from executor.domain.budgets.wording import refusal
from executor.engine.faults import RunFault
from executor.engine.history import Spent
from executor.engine.ports import Purse
from executor.models.dialogue import Tokens
from executor.models.model import Model

_REPLY = 4_096
"""Tokens that a reply may have before any call to its model has been seen."""
_SOME = Tokens(1_000, 1_000)


@dataclass(frozen=True, slots=True)
class Need:
    """What one request is likely to use. `read` is our own estimate of its prompt's tokens."""

    tokens: float = 0.0
    cost_usd: float = 0.0
    read: int = 0


class MonthShare:
    """What a run spends of its workspace's budget. `spent` is what its job has used so far."""

    def __init__(self, purse: Purse, spent: Spent) -> None:
        self._purse = purse
        self._spent = spent

    async def limited(self, model: Model, task_id: str) -> bool:
        """Say whether the workspace has a budget.

        Raises `RunFault` (`COST_UNKNOWN`) if it is one of money, and the price of `model` is not known.
        """
        budget = await self._purse.budget()
        unknown = model.price(_SOME) is None
        if unknown and budget is not None and budget.limits.nano is not None:
            budget = await self._purse.budget(fresh=True)  # an admin may just have changed it
        if budget is None:
            return False
        if unknown and budget.limits.nano is not None:
            message = (
                f"The price of the model {model.label} is not known, so the workspace's budget in US dollars cannot "
                "bound it. Use a model with a price, or have an admin bound tokens instead (PUT /workspace/budget)."
            )
            raise RunFault("COST_UNKNOWN", message, task_id)
        return True

    @asynccontextmanager
    async def set_aside(
        self, model: Model, need: Need, task_id: str, reply: int | None = None
    ) -> AsyncIterator[None]:
        """Set aside what a request needs; settle what it has used at the block's end.

        `reply` is how many tokens its reply may have, if that is set.
        Raises `RunFault` (`BUDGET_EXCEEDED`).
        """
        budget = await self._purse.budget()
        try:
            held = await self._purse.hold(_wish(budget, model, need, reply))
        except BudgetRefused as fault:
            message = refusal(fault.budget, fault.wanted.likely)
            raise RunFault("BUDGET_EXCEEDED", message, task_id) from fault
        try:
            yield
        finally:
            self._purse.spend(held, self._spent.amount, model.label)

    def catch_up(self) -> None:
        """Take over what was used without having been set aside: before there was a budget, or by a cut off reply."""
        self._purse.catch_up(self._spent.amount)

    def close(self) -> None:
        self._purse.close(self._spent.amount)


def _wish(budget: WorkspaceBudget | None, model: Model, need: Need, reply: int | None) -> Wanted:
    """Return what a request is likely to use, and at most: with the longest `reply` that it may get.

    Where that is not set, it is as much as the largest request to its model so far.
    """
    likely = Amount(nano_of(need.cost_usd), round(need.tokens))
    known = NOTHING if budget is None else budget.largest.get(model.label, NOTHING)
    if reply is not None or known == NOTHING:
        most = Tokens(need.read, _REPLY if reply is None else reply)
        known = Amount(nano_of(model.price(most) or 0.0), most.input + most.output)
    if reply is not None:
        likely = likely.largest(known)
    return Wanted(likely, likely.largest(known))
