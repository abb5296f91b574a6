"""What a workspace may use in a month."""

from fastapi import APIRouter

from common.times import utc_now
from common.web.access import Admin
from executor.routes.budget_bodies import BudgetOfWorkspace, BudgetStatus, budget_status
from executor.routes.use_cases import Use

router = APIRouter(tags=["Workspace"])


@router.get("/workspace/budget", summary="Get the budget of the month")
async def get_budget(caller: Admin, use: Use) -> BudgetStatus:
    return budget_status(await use.budgeting.find(caller.workspace_id), utc_now())


@router.put("/workspace/budget", summary="Set the budget of each month")
async def set_budget(body: BudgetOfWorkspace, caller: Admin, use: Use) -> BudgetStatus:
    return budget_status(await use.budgeting.set(caller.workspace_id, body.limits()), utc_now())


@router.delete("/workspace/budget", status_code=204, summary="Remove the budget")
async def remove_budget(caller: Admin, use: Use) -> None:
    await use.budgeting.remove(caller.workspace_id)
