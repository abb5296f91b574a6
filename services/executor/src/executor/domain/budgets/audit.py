"""Settles leases whose job has come to rest without its worker having done so: it died, or the job was stopped."""

from datetime import datetime, timedelta

from common.bounded_dict import BoundedDict
from common.contracts.events import ExecutionStatus
from executor.domain.budgets.amounts import NOTHING, amount_of
from executor.domain.budgets.budget import BudgetLease, JobPurse, WorkspaceBudget
from executor.domain.budgets.ports import Budgets
from executor.domain.log.ports import Executions

_OLD = timedelta(seconds=30)
"""The age of a lease from which its job is looked at: a worker settles within seconds."""
_BUDGETS = 200
_JOBS = 100
_REMEMBERED = 1_000


class BudgetAudit:
    """Looks at old leases, some at a time. What their jobs have used is in the jobs' logs."""

    def __init__(self, budgets: Budgets, executions: Executions) -> None:
        self._budgets = budgets
        self._executions = executions
        self._after = ""
        self._after_job: BoundedDict[str, str] = BoundedDict(_REMEMBERED)

    async def look(self, now: datetime) -> None:
        """Settle old leases of jobs that do not run, and go on behind them the next time.

        If others change a budget meanwhile, it has its turn when all others have had theirs.
        """
        found = await self._budgets.with_leases(self._after, _BUDGETS)
        for budget in found:
            self._after = budget.workspace_id
            await self._look_at(budget, now)
        if len(found) < _BUDGETS:
            self._after = ""

    async def _look_at(self, budget: WorkspaceBudget, now: datetime) -> None:
        settled = budget.at(now)
        for job_id in self._turn(budget, now):
            settled = await self._settle(settled, job_id, budget.leases[job_id], now)
        if settled != budget:
            await self._budgets.replace(budget, settled)

    def _turn(self, budget: WorkspaceBudget, now: datetime) -> list[str]:
        """Return the jobs with old leases that follow those of the last time."""
        after = self._after_job.pop(budget.workspace_id, "")
        old = [job_id for job_id, lease in budget.leases.items() if lease.at < now - _OLD]
        turn = sorted(job_id for job_id in old if job_id > after)[:_JOBS]
        if len(turn) == _JOBS:
            self._after_job[budget.workspace_id] = turn[-1]
        return turn

    async def _settle(
        self, budget: WorkspaceBudget, job_id: str, lease: BudgetLease, now: datetime
    ) -> WorkspaceBudget:
        job = await self._executions.head(job_id)
        if job is not None and job.status == ExecutionStatus.RUNNING:
            return budget
        used = lease.base if job is None else amount_of(job.state.usage)
        purse = JobPurse(job_id, lease.attempt, used, lease.base)
        return budget.settle(purse, NOTHING, now)
