"""A workspace's budget of a month, and the leases by which its jobs spend from it.

Everything here is a value. Whoever wants to change a budget computes the next one and stores it if the stored one
has not changed meanwhile. A lease belongs to a job: `granted` is set aside for it, and whatever the job's log says
that it has used beyond `base` has been spent from it. So nothing is lost with a worker.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from executor.domain.budgets.amounts import NOTHING, Amount, Limits

_AHEAD = 8
"""How many calls a job sets money aside for at once, while there is plenty."""
_PLENTY = 64
"""For how many such calls there must be money left."""
MODELS = 32
"""Models whose largest call is remembered."""


@dataclass(frozen=True, slots=True)
class BudgetLease:
    """What is set aside for a job, by the run with this `attempt`. `base` is settled up to there."""

    granted: Amount
    base: Amount
    attempt: int
    at: datetime


@dataclass(frozen=True, slots=True)
class WorkspaceBudget:
    """The stored budget of a workspace. `month` is `YYYY-MM` in UTC, `version` counts its changes.

    `spent` is what has been settled in the month, `largest` the largest call to each model so far.
    """

    workspace_id: str
    limits: Limits
    month: str
    spent: Amount = NOTHING
    leases: Mapping[str, BudgetLease] = field(default_factory=dict)
    largest: Mapping[str, Amount] = field(default_factory=dict)
    version: int = 1

    @property
    def leased(self) -> Amount:
        """What is set aside for jobs."""
        total = NOTHING
        for lease in self.leases.values():
            total = total.plus(lease.granted)
        return total

    @property
    def left(self) -> Amount:
        """What may still be set aside."""
        return self.limits.remainder(self.spent.plus(self.leased))

    @property
    def used_up(self) -> bool:
        """Whether nothing is left to spend."""
        left = self.limits.remainder(self.spent)
        return left.nano <= 0 or left.tokens <= 0

    def at(self, now: datetime) -> "WorkspaceBudget":
        """Return the budget as it is in the month of `now`."""
        month = month_of(now)
        return self if month == self.month else replace(self, month=month, spent=NOTHING)

    def settle(self, purse: "JobPurse", kept: Amount, now: datetime) -> "WorkspaceBudget":
        """Count what a job has used as spent, once; leave it `kept`."""
        lease = self.leases.get(purse.job_id)
        if lease is not None and lease.attempt > purse.attempt:
            return self  # another worker has taken the job over, and counts for it
        base = purse.counted if lease is None else lease.base
        spent = self.spent.plus(purse.used.minus(base).positive)
        leases = {job_id: one for job_id, one in self.leases.items() if job_id != purse.job_id}
        if kept.positive != NOTHING:
            used = purse.used.largest(base)
            leases[purse.job_id] = BudgetLease(kept.positive, used, purse.attempt, now)
        return replace(self, spent=spent, leases=leases)

    def leasing(self, purse: "JobPurse", amount: Amount, now: datetime) -> "WorkspaceBudget":
        """Set `amount` aside for a job whose use is settled, beside what it holds."""
        lease = BudgetLease(purse.held.plus(amount), purse.used, purse.attempt, now)
        return replace(self, leases={**self.leases, purse.job_id: lease})

    def with_largest(self, seen: Mapping[str, Amount]) -> "WorkspaceBudget":
        """Remember the largest call to each model."""
        largest = dict(self.largest)
        for model, amount in seen.items():
            if model in largest or len(largest) < MODELS:
                largest[model] = largest.get(model, NOTHING).largest(amount)
        return self if largest == self.largest else replace(self, largest=largest)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one call needs: what it is `likely` to use, and at `most`, as far as anyone knows."""

    likely: Amount
    most: Amount


@dataclass(frozen=True, slots=True)
class JobPurse:
    """What a job has used in all, how much of that is `counted`, and what is `held` for calls under way."""

    job_id: str
    attempt: int
    used: Amount
    counted: Amount
    held: Amount = NOTHING


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer to a call's wish: set aside for it (`call`) and for later ones (`free`), wait, or no (`refused`)."""

    budget: WorkspaceBudget
    call: Amount | None = None
    free: Amount = NOTHING
    refused: bool = False


def grant(budget: WorkspaceBudget, purse: JobPurse, wanted: Wanted, now: datetime) -> Grant:
    """Set aside what a call needs, if it can be.

    Next to others, a call must fit with the most that it may use. One that is alone in its workspace goes out if it
    is likely to fit, with all that is left: so the limit is exceeded by one call at most, if by any. If it fits only
    when others have used less than was set aside for them, it waits, and holds nothing.
    """
    limits, lease = budget.limits, budget.leases.get(purse.job_id)
    if lease is not None and lease.attempt > purse.attempt:  # another worker runs the job now
        return Grant(budget, refused=True)
    likely, most = limits.limited_part(wanted.likely), limits.limited_part(wanted.most)
    budget = budget.settle(purse, purse.held, now)
    left = budget.left
    if left.covers(most):
        plenty = left.covers(most.times(_PLENTY))
        free = most.times(_AHEAD - 1) if plenty else NOTHING
        return Grant(budget.leasing(purse, most.plus(free), now), most, free)
    if budget.used_up or not limits.remainder(budget.spent).covers(likely):
        return Grant(budget, refused=True)
    if budget.leased == NOTHING:
        whole = limits.limited_part(left)
        return Grant(budget.leasing(purse, whole, now), whole)
    return Grant(budget)


def month_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m")


def month_end(month: str) -> datetime:
    """Return when a month ends."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return (first + timedelta(days=32)).replace(day=1)
