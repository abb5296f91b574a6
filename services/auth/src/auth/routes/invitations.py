"""Invitations: made and withdrawn by admins, accepted by the holder of the address."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from auth.domain.workspaces.invitation import Invitation
from auth.domain.workspaces.invitations import Invited
from auth.routes.auth import me_of
from auth.routes.bodies import (
    Acceptance,
    InvitationList,
    InvitationMade,
    InvitationRequest,
    InvitationView,
    Me,
    MemberRequest,
)
from auth.routes.use_cases import SECRET, ClientAddress, Use
from common.errors import Conflict, InvalidRequest
from common.idempotency.header import IdempotencyKey, creating
from common.idempotency.keys import GivenKey
from common.identity import ROLES, Identity
from common.web.access import Admin, caller_of
from common.web.models import CursorPageQuery, failures

router = APIRouter(tags=["workspace"])
_EITHER: dict[str, Any] = {"security": [{"HTTPBearer": []}, {}]}
"""A token is taken, and not needed."""


@router.post(
    "/workspace/invitations",
    status_code=201,
    responses=creating(201),
    dependencies=SECRET,
    summary="Invite somebody",
)
async def invite(
    body: InvitationRequest, caller: Admin, use: Use, key: IdempotencyKey
) -> InvitationMade:
    """The token is shown this once; hand it over if it is not sent by e-mail."""
    return await _invite(body, caller, use, key)


@router.post(
    "/workspace/members",
    status_code=201,
    responses=creating(201),
    dependencies=SECRET,
    summary="Invite a member",
)
async def add_member(
    body: MemberRequest, caller: Admin, use: Use, key: IdempotencyKey
) -> InvitationMade:
    """The same as POST /workspace/invitations: nobody is a member before they have accepted."""
    if body.password is not None:
        raise Conflict(
            "You cannot set another person's password: they choose it when they accept.",
            field="password",
            reason="Leave it out, and hand over the token of the answer",
        )
    return await _invite(body, caller, use, key)


async def _invite(
    body: InvitationRequest, caller: Identity, use: Any, key: GivenKey | None
) -> InvitationMade:
    once = use.keys.once_for(caller.user_id, key, caller.workspace_id, body, _invitation_answer)
    role = ROLES[body.role]
    return _invitation_answer(
        await use.invitations.invite(caller, body.email, role, body.name, once)
    )


@router.get("/workspace/invitations", summary="List invitations that wait")
async def list_invitations(
    caller: Admin, page: Annotated[CursorPageQuery, Query()], use: Use
) -> InvitationList:
    waiting = await use.invitations.waiting(caller)
    part = page.part(
        waiting, lambda invitation: (0, invitation.id), ("invitations", caller.workspace_id)
    )
    return InvitationList(
        invitations=[InvitationView(**_fields(invitation)) for invitation in part.shown],
        total=part.total,
        page=page.page,
        page_size=page.page_size,
        next=part.next,
    )


@router.delete(
    "/workspace/invitations/{invitation_id}",
    status_code=204,
    responses=failures(409),
    summary="Withdraw an invitation",
)
async def withdraw_invitation(invitation_id: str, caller: Admin, use: Use) -> None:
    await use.invitations.withdraw(caller, invitation_id)


@router.post(
    "/auth/invitations/accept",
    responses=failures(401, 403, 409),
    openapi_extra=_EITHER,
    summary="Accept an invitation",
)
async def accept_invitation(
    body: Acceptance, request: Request, use: Use, address: ClientAddress
) -> Me:
    """Send the token alone, logged in as the holder of the invited address.

    Without a login, send the account's password too: a new one, where there is no account yet.
    """
    caller = await caller_of(request)
    if caller is not None:
        user, workspace = await use.invitations.accept(caller, body.token)
    elif body.password is not None:
        user, workspace = await use.invitations.accept_as(
            body.token, body.password, body.name, address
        )
    else:
        raise InvalidRequest(
            "Log in, or send a password.",
            field="password",
            reason="It is required without a login",
        )
    return me_of(user, workspace, workspace.role_of(user.id))


def _invitation_answer(invited: Invited) -> InvitationMade:
    return InvitationMade(**_fields(invited.invitation), mailed=invited.mailed, token=invited.token)


def _fields(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": invitation.id,
        "email": invitation.email,
        "name": invitation.name,
        "role": invitation.role.label,
        "invited_by": invitation.invited_by,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    }
