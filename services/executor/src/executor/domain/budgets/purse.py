"""What one run of a job spends of its workspace's budget."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from executor.domain.budgets.amounts import NOTHING, Amount
from executor.domain.budgets.budget import JobPurse, Wanted, WorkspaceBudget
from executor.domain.budgets.known import KnownBudgets

T = TypeVar("T")


class BudgetRefused(Exception):  # noqa: N818 - it says what happened to a call
    """A call does not fit into what is left of the month's budget."""

    def __init__(self, budget: WorkspaceBudget, wanted: Wanted) -> None:
        super().__init__(budget.workspace_id)
        self.budget = budget
        self.wanted = wanted


@dataclass(eq=False, slots=True)
class Ask:
    purse: "LedgerPurse"
    wanted: Wanted
    answer: "asyncio.Future[Amount | None]"

    def grant(self, amount: Amount) -> None:
        """Hand `amount` to the call; if that has been cut off, it is there for the next one."""
        self.purse.free = self.purse.free.plus(amount)
        if not self.answer.done():
            self.purse.take(amount)
            self.answer.set_result(amount)

    def refuse(self, fault: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(fault)


class PurseWriter(Protocol):
    """What a purse needs of the ledger that writes for it."""

    known: KnownBudgets

    def clock(self) -> float:
        """Return the time in seconds."""

    async def wait_for_store(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` returns, once the store answers. Raises `Unavailable`."""

    async def ask(self, purse: "LedgerPurse", wanted: Wanted) -> Amount | None:
        """Set aside what a call needs. Raises `BudgetRefused` and `Unavailable`."""

    def note(self, purse: "LedgerPurse") -> None:
        """Note that something was spent."""

    def learn(self, workspace_id: str, model: str, used: Amount) -> None:
        """Remember the largest call to a model."""


class LedgerPurse:
    """What one run of a job spends from. `used` is what the job had used before."""

    def __init__(self, ledger: PurseWriter, workspace_id: str, job: JobPurse) -> None:
        self.workspace_id = workspace_id
        self.job = job
        self.free = NOTHING
        self.closed = False
        self.leased = False
        self.dirty = False
        self.doubt: tuple[int, Amount] | None = None
        self.touched = 0.0
        self._ledger = ledger

    async def budget(self, *, fresh: bool = False) -> WorkspaceBudget | None:
        """Return the budget of the job's workspace, as it was a second ago at most. Raises `Unavailable`."""
        known = self._ledger.known
        return await self._ledger.wait_for_store(lambda: known.of(self.workspace_id, fresh=fresh))

    async def hold(self, wanted: Wanted) -> Amount | None:
        """Set aside what a call needs; wait for others if it only fits once they have used less.

        Returns None if the workspace has no budget. Raises `BudgetRefused` and `Unavailable`.
        """
        budget = await self.budget()
        if budget is None:
            return None
        most = budget.limits.limited_part(wanted.most)
        self.touched = self._ledger.clock()
        if self.leased and self.free.covers(most):
            self.take(most)
            return most
        return await self._ledger.wait_for_store(lambda: self._ledger.ask(self, wanted))

    def take(self, amount: Amount) -> None:
        self.free = self.free.minus(amount)
        self.job = replace(self.job, held=self.job.held.plus(amount))

    def spend(self, held: Amount | None, used: Amount, model: str = "") -> None:
        """End a call to `model` for which `held` was set aside; the job has now used `used` in all."""
        before, self.job = self.job, replace(self.job, used=used)
        if held is None:
            self.job = replace(self.job, counted=used)
            return
        spent = used.minus(before.used).positive
        if model and spent != NOTHING:
            self._ledger.learn(self.workspace_id, model, spent)
        self.job = replace(self.job, held=before.held.minus(held).positive)
        self.free = self.free.plus(held).minus(spent)
        self.touched, self.dirty = self._ledger.clock(), True
        self._ledger.note(self)

    def catch_up(self, used: Amount) -> None:
        """Take over what the job has used in calls for which nothing was set aside; it is no single call's."""
        more = used.minus(self.job.used).positive
        self.job = replace(self.job, used=used)
        if self.leased and more != NOTHING:
            self.free, self.dirty = self.free.minus(more), True
            self._ledger.note(self)

    def job_in(self, stored: WorkspaceBudget) -> JobPurse:
        """Return the job. Where its lease has gone from the stored budget, its use has been settled.

        Others did that, or a write of ours whose answer was lost. `doubt` is such a write: the budget's version
        before it, and what it counts.
        """
        if self.job.job_id in stored.leases:
            return self.job
        if self.leased:
            return replace(self.job, counted=self.job.used)
        if self.doubt is not None and self.doubt[0] != stored.version:
            return replace(self.job, counted=self.doubt[1])
        return self.job

    def forget(self) -> None:
        """Go on without a budget."""
        self.free, self.leased, self.dirty, self.doubt = NOTHING, False, False, None
        self.job = replace(self.job, held=NOTHING, counted=self.job.used)

    def close(self, used: Amount) -> None:
        """Give back what is left: the run is over."""
        self.closed = True
        self.job = replace(self.job, used=used, held=NOTHING)
        if self.leased or self.dirty:
            self.dirty = True
            self._ledger.note(self)
