"""/workspace: members and plan."""

from typing import Annotated

from fastapi import APIRouter, Query

from auth.domain.workspaces.workspaces import Member, Workspace, WorkspaceLimits
from auth.routes.bodies import (
    LimitsBody,
    MemberList,
    MemberView,
    Plan,
    PlanRequest,
    RoleRequest,
)
from auth.routes.use_cases import Use
from common.identity import ROLES
from common.storage.cursors import Spot, milliseconds
from common.web.access import Admin, Owner, Viewer
from common.web.models import CursorPageQuery, failures

router = APIRouter(tags=["workspace"])


@router.get("/workspace/members", summary="List members")
async def list_members(
    caller: Viewer, page: Annotated[CursorPageQuery, Query()], use: Use
) -> MemberList:
    members = await use.memberships.members(caller)
    part = page.part(members, _spot, ("members", caller.workspace_id))
    return MemberList(
        members=[_view(member) for member in part.shown],
        total=part.total,
        page=page.page,
        page_size=page.page_size,
        next=part.next,
    )


def _spot(member: Member) -> Spot:
    return milliseconds(member.added_at), member.user_id


@router.put(
    "/workspace/members/{member_id}", responses=failures(409), summary="Change a member's role"
)
async def update_member(member_id: str, body: RoleRequest, caller: Admin, use: Use) -> MemberView:
    return _view(await use.memberships.set_role(caller, member_id, ROLES[body.role]))


@router.delete(
    "/workspace/members/{member_id}",
    status_code=204,
    responses=failures(409),
    summary="Remove a member, or leave",
)
async def remove_member(member_id: str, caller: Viewer, use: Use) -> None:
    """Admins remove others; everybody may leave but the last owner."""
    await use.memberships.remove(caller, member_id)


@router.put("/workspace/plan", responses=failures(409), summary="Change the plan")
async def update_plan(body: PlanRequest, caller: Owner, use: Use) -> Plan:
    wanted = body.limits
    limits = None if wanted is None else WorkspaceLimits(wanted.per_hour, wanted.per_minute)
    return plan_of(await use.memberships.set_plan(caller, body.tier, limits))


def plan_of(workspace: Workspace) -> Plan:
    """Return the plan and the limits that hold under it."""
    limits = workspace.effective_limits()
    shown = limits and LimitsBody(per_hour=limits.per_hour, per_minute=limits.per_minute)
    return Plan(workspace_id=workspace.id, tier=workspace.tier, limits=shown)


def _view(member: Member) -> MemberView:
    return MemberView(
        id=member.user_id,
        email=member.email,
        name=member.name,
        role=member.role.label,
        added_at=member.added_at,
    )
