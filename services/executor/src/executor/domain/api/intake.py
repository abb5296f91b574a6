"""What submitted jobs and forks have in common on their way into the store."""

from dataclasses import dataclass

from common.errors import InvalidRequest
from common.idempotency.once import Receipt
from common.process.turns import let_messages_leave
from executor.domain.api.budgeting import Budgeting
from executor.domain.api.estimates import Estimates
from executor.domain.api.quotas import Quotas
from executor.domain.files.given import GivenFiles
from executor.domain.inputs.lists import MOST_ITEMS
from executor.domain.inputs.ports import Crews
from executor.domain.log.execution import Execution
from executor.domain.log.journal import TooLarge
from executor.domain.log.outbox import Outbox
from executor.domain.log.ports import Executions


@dataclass(frozen=True, slots=True)
class JobIntake:
    """What a new job is made from, and what lets it in."""

    executions: Executions
    crews: Crews
    estimates: Estimates
    outbox: Outbox
    quotas: Quotas
    files: GivenFiles
    budgeting: Budgeting | None = None
    most_items: int = MOST_ITEMS
    """How many entries a list may have that a task is done for."""

    async def check_room(
        self, workspace_id: str, crew_id: str, version: int | None, *, may_cost: bool = True
    ) -> None:
        """Raise as `Quotas.check` and `Budgeting.check` do if the workspace may not have another job."""
        await self.quotas.check(workspace_id)
        if may_cost and self.budgeting is not None:
            await self.budgeting.check(workspace_id, crew_id, version)

    async def store(self, job: Execution, parts: str, receipt: Receipt | None = None) -> bool:
        """Store a job and wake a worker for it; return False, and do nothing, if it is stored already.

        Raises `InvalidRequest`, which names the `parts` that a job is made of, for one that is too large.
        """
        try:
            stored = await self.executions.insert(job, receipt)
        except TooLarge as fault:
            raise InvalidRequest(
                f"The {parts} together are too large to be stored.",
                field="inputs",
                reason=str(fault),
            ) from fault
        if stored:
            self.outbox.send_submission(job)
            await let_messages_leave()
        return stored
