"""What people are told about a budget that is used up."""

from executor.domain.budgets.amounts import NOTHING, Amount
from executor.domain.budgets.budget import WorkspaceBudget, month_end


def refusal(budget: WorkspaceBudget, wanted: Amount = NOTHING) -> str:
    """Return why a call or a job does not fit into what is left of `budget`, and what to do."""
    limits, spent = budget.limits, budget.spent
    left = limits.remainder(spent)
    if limits.nano is not None and left.nano <= max(0, wanted.nano - 1):
        told = f"${spent.usd:.4g} of ${limits.nano / 1e9:.6g}"
        more = f"${wanted.usd:.4g}" if wanted.nano else ""
    else:
        told = f"{spent.tokens:,} of {limits.tokens or 0:,} tokens"
        more = f"{wanted.tokens:,} tokens" if wanted.tokens else ""
    need = f" The next call would need about {more}." if more and not budget.used_up else ""
    return (
        f"The workspace has used {told} that it may use in {budget.month}.{need} "
        f"It can go on on {month_end(budget.month):%Y-%m-%d}, or when an admin raises the budget "
        "(PUT /workspace/budget)."
    )
