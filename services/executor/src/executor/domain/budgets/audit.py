"""Settles leases whose job has come to rest without its worker having done so: it died, or the job was stopped."""

from datetime import datetime, timedelta

from common.contracts.events import ExecutionStatus
from executor.domain.budgets.amounts import NOTHING, amount_of
from executor.domain.budgets.budget import BudgetLease, JobPurse, WorkspaceBudget
from executor.domain.budgets.ports import Budgets
from executor.domain.log.ports import Executions

_OLD = timedelta(seconds=30)
"""The age of a lease from which its job is looked at: a worker settles within seconds."""
_BUDGETS = 200
_JOBS = 100


class BudgetAudit:
    """Looks at old leases. What their jobs have used is in the jobs' logs."""

    def __init__(self, budgets: Budgets, executions: Executions) -> None:
        self._budgets = budgets
        self._executions = executions

    async def look(self, now: datetime) -> None:
        """Settle the old leases of jobs that do not run. If others change the budget meanwhile, later."""
        for budget in await self._budgets.with_leases(_BUDGETS):
            old = {name: one for name, one in budget.leases.items() if one.at < now - _OLD}
            settled = budget.at(now)
            for job_id in list(old)[:_JOBS]:
                settled = await self._settle(settled, job_id, old[job_id], now)
            if settled != budget:
                await self._budgets.replace(budget, settled)

    async def _settle(
        self, budget: WorkspaceBudget, job_id: str, lease: BudgetLease, now: datetime
    ) -> WorkspaceBudget:
        job = await self._executions.head(job_id)
        if job is not None and job.status == ExecutionStatus.RUNNING:
            return budget
        used = lease.base if job is None else amount_of(job.state.usage)
        purse = JobPurse(job_id, lease.attempt, used, lease.base)
        return budget.settle(purse, NOTHING, now)
