"""Invitations: who may join a workspace, shown as a token once and stored hashed."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth.domain.accounts.users import account_of
from auth.domain.logins.sessions import digest
from common.errors import InvalidRequest
from common.identity import Role
from common.ids import new_id

HOLDS_FOR = timedelta(days=7)
MOST_INVITATIONS = 100
"""Invitations of a workspace that wait to be accepted."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A place in a workspace for the holder of an address. Accepted or withdrawn it is gone.

    `name` is what somebody without an account is called until they say otherwise.
    """

    id: str
    email: str
    name: str | None
    role: Role
    secret_hash: str
    invited_by: str
    created_at: datetime
    expires_at: datetime

    def is_for(self, email: str) -> bool:
        """Return whether the address is the invited one, however it is spelled."""
        return account_of(self.email) == account_of(email)


@dataclass(frozen=True, slots=True)
class InvitationToken:
    """An invitation's token taken apart: where it leads, which one it is, its secret."""

    workspace_id: str
    invitation_id: str
    secret: str

    @classmethod
    def read(cls, text: str) -> "InvitationToken":
        """Return the token. Raises `InvalidRequest` for a text that has not the form of one."""
        parts = text.split(".")
        if len(parts) != 3 or not all(parts):
            raise not_valid()
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.workspace_id}.{self.invitation_id}.{self.secret}"

    def opens(self, invitation: Invitation, now: datetime) -> bool:
        """Return whether this is the invitation's token and it has not expired."""
        same = hmac.compare_digest(digest(self.secret), invitation.secret_hash)
        return same and invitation.id == self.invitation_id and now < invitation.expires_at


def not_valid() -> InvalidRequest:
    """Return the one answer to every token that does not hold, whatever the cause."""
    return InvalidRequest(
        "The invitation is not valid; ask for a new one.",
        field="token",
        reason="It is unknown, used, withdrawn or expired",
    )


def new_invitation(
    workspace_id: str, email: str, name: str | None, role: Role, by: str, now: datetime
) -> tuple[Invitation, InvitationToken]:
    """Return a new invitation and its token."""
    token = InvitationToken(workspace_id, new_id("inv"), secrets.token_urlsafe(32))
    invitation = Invitation(
        id=token.invitation_id,
        email=email,
        name=name,
        role=role,
        secret_hash=digest(token.secret),
        invited_by=by,
        created_at=now,
        expires_at=now + HOLDS_FOR,
    )
    return invitation, token
