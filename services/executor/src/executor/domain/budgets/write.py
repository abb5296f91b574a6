"""One write of a budget, for all purses of a workspace at once."""

from dataclasses import replace
from datetime import datetime

from executor.domain.budgets.amounts import NOTHING, Amount
from executor.domain.budgets.budget import Grant, JobPurse, WorkspaceBudget, grant
from executor.domain.budgets.purse import Ask, LedgerPurse


class BudgetWrite:
    """A budget as it shall be, with what that means for the purses of a workspace."""

    def __init__(self, stored: WorkspaceBudget, now: datetime) -> None:
        self.stored = stored
        self.budget = stored.at(now)
        self.grants: list[tuple[Ask, Grant]] = []
        self._now = now
        self._jobs: dict[LedgerPurse, JobPurse] = {}
        self._free: dict[LedgerPurse, Amount] = {}
        self._given: dict[LedgerPurse, Amount] = {}

    def report(self, purse: LedgerPurse, free: Amount) -> None:
        """Write down what a purse has spent, and keep only `free` of what is at hand."""
        job = purse.job_in(self.stored)
        self.budget = self.budget.settle(job, job.held.plus(free), self._now)
        self._jobs[purse], self._free[purse] = replace(job, counted=job.used), free

    def serve(self, ask: Ask) -> None:
        """Set aside what a call needs, if it can be."""
        job = self._jobs.get(ask.purse) or ask.purse.job_in(self.stored)
        one = grant(self.budget, job, ask.wanted, self._now)
        held = job.held if one.call is None else job.held.plus(one.call)
        counted = job.used
        self._jobs[ask.purse] = replace(job, held=held, counted=counted)
        self._free[ask.purse] = one.free
        self.budget = one.budget
        self.grants.append((ask, one))

    def give_back(self) -> None:
        for purse in self._free:
            self._given[purse] = purse.free
            purse.free = NOTHING

    def take_back(self) -> None:
        for purse, given in self._given.items():
            purse.free = purse.free.plus(given)

    def doubt(self) -> None:
        """Let the purses find out from the next budget that is read whether this was stored."""
        for purse, job in self._jobs.items():
            purse.doubt, purse.dirty = (self.stored.version, job.used), True

    def finish(self) -> None:
        """Take over into the purses what has been stored."""
        for purse, job in self._jobs.items():
            purse.free = purse.free.plus(self._free[purse])
            purse.job, purse.doubt = replace(purse.job, counted=job.used), None
            lease = self.budget.leases.get(job.job_id)
            purse.leased = lease is not None and lease.attempt == job.attempt
            purse.dirty = purse.job.used != job.used or (purse.closed and purse.leased)
