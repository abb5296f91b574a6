"""What goes into a member's token."""

from datetime import datetime

from auth.domain.workspaces.workspaces import Workspace
from common.identity import Identity, Role


def member_identity(
    workspace: Workspace,
    user_id: str,
    session_id: str,
    *,
    asked_at: datetime,
    lifetime: int,
    at_most: Role = Role.OWNER,
) -> Identity:
    """Return the identity of a member, with the role they have in `workspace` as it was read.

    `asked_at` must have been taken before that: then a change of role that this copy of the
    workspace has not seen is dated later, and ends the token. A token is never dated into a second
    whose tokens have ended already. Raises `Unauthorized` for somebody who is no member.
    """
    issued_at = max(int(asked_at.timestamp()), workspace.tokens_hold_from(user_id))
    return Identity(
        user_id=user_id,
        workspace_id=workspace.id,
        role=min(at_most, workspace.role_of(user_id)),
        session_id=session_id,
        issued_at=issued_at,
        expires_at=issued_at + lifetime,
    )
