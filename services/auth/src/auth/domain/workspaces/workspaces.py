"""Workspaces: their members with roles, and their plan."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from auth.domain.logins.revocations import REVOKED_FOR
from auth.domain.workspaces.invitation import (
    MOST_INVITATIONS,
    Invitation,
    InvitationToken,
    not_valid,
)
from common.errors import Conflict, Forbidden, NotFound, Unauthorized
from common.identity import Role

Tier = Literal["free", "pro", "enterprise"]

TIER_LIMITS: dict[Tier, tuple[int, int] | None] = {
    "free": (1_000, 100),
    "pro": (10_000, 1_000),
    "enterprise": None,
}
"""Requests per hour and per minute; None is unlimited."""
MOST_MEMBERS = 1_000


@dataclass(frozen=True, slots=True)
class WorkspaceLimits:
    """Requests an enterprise workspace may make, where its owner or operator set a bound."""

    per_hour: int
    per_minute: int


@dataclass(frozen=True, slots=True)
class Member:
    user_id: str
    email: str
    name: str
    role: Role
    added_at: datetime


@dataclass(frozen=True, slots=True)
class ShutOut:
    """A user's tokens issued at or before `at` (Unix seconds) are void; the record is dropped at `until`."""

    user_id: str
    at: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant. `version` rises with every change, so that two changes cannot cross."""

    id: str
    name: str
    tier: Tier
    limits: WorkspaceLimits | None
    members: tuple[Member, ...]
    created_at: datetime
    shut_outs: tuple[ShutOut, ...] = ()
    version: int = 1
    invitations: tuple[Invitation, ...] = ()

    def has(self, user_id: str) -> bool:
        return any(member.user_id == user_id for member in self.members)

    def member(self, user_id: str) -> Member:
        """Return the member. Raises `NotFound`."""
        for member in self.members:
            if member.user_id == user_id:
                return member
        raise NotFound(f"This workspace has no member {user_id}.")

    def role_of(self, user_id: str) -> Role:
        """Return a member's role. Raises `Unauthorized` for somebody who is none."""
        for member in self.members:
            if member.user_id == user_id:
                return member.role
        raise Unauthorized("The token is not valid any more.")

    def tokens_hold_from(self, user_id: str) -> int:
        """Return the earliest second of issue whose tokens hold for the user."""
        return max((out.at + 1 for out in self.shut_outs if out.user_id == user_id), default=0)

    def effective_limits(self) -> WorkspaceLimits | None:
        """Return the rate limits that hold, None for unlimited."""
        by_tier = TIER_LIMITS[self.tier]
        return self.limits if by_tier is None else WorkspaceLimits(*by_tier)

    def with_member(self, member: Member) -> "Workspace":
        """Add a member. Raises `Conflict` when the person is one already, or all seats are taken."""
        if self.has(member.user_id):
            raise Conflict(f"{member.email} is a member of this workspace already.", field="email")
        if len(self.members) >= MOST_MEMBERS:
            raise Conflict(
                f"A workspace has at most {MOST_MEMBERS} members; remove one who has left, or use"
                " another workspace.",
                details={"limit": MOST_MEMBERS},
            )
        return self._change(members=(*self.members, member))

    def with_invitation(self, invitation: Invitation, now: datetime) -> "Workspace":
        """Add an invitation; an earlier one of the same address ends.

        Raises `Conflict` for a member's address, and when too many wait to be accepted.
        """
        if any(invitation.is_for(member.email) for member in self.members):
            raise Conflict(
                f"{invitation.email} is a member of this workspace already.", field="email"
            )
        others = [other for other in self._waiting(now) if not invitation.is_for(other.email)]
        if len(others) >= MOST_INVITATIONS:
            raise Conflict(
                f"At most {MOST_INVITATIONS} invitations may wait to be accepted; withdraw some."
            )
        return self._change(invitations=(*others, invitation))

    def without_invitation(self, invitation_id: str, now: datetime) -> "Workspace":
        """Withdraw an invitation. Raises `NotFound`."""
        left = tuple(other for other in self._waiting(now) if other.id != invitation_id)
        if len(left) == len(self._waiting(now)):
            raise NotFound(f"There is no invitation {invitation_id}.")
        return self._change(invitations=left)

    def invitation(self, token: InvitationToken, now: datetime) -> Invitation:
        """Return what a token invites to, while its inviter may still give that role.

        Raises `InvalidRequest`, with the same text for every cause.
        """
        for invitation in self.invitations:
            inviter, role = invitation.invited_by, invitation.role
            if token.opens(invitation, now) and self.may_invite(inviter, role):
                return invitation
        raise not_valid()

    def with_acceptance(self, invitation: Invitation, member: Member) -> "Workspace":
        """Use an invitation up and add who has accepted it. Raises as `with_member` does."""
        joined = self.with_member(member)
        left = tuple(other for other in self.invitations if other.id != invitation.id)
        return replace(joined, invitations=left)

    def may_invite(self, user_id: str, role: Role) -> bool:
        """Return whether a user may give a role here."""
        ranks = [member.role for member in self.members if member.user_id == user_id]
        return bool(ranks) and ranks[0] >= max(Role.ADMIN, role)

    def _waiting(self, now: datetime) -> tuple[Invitation, ...]:
        return tuple(each for each in self.invitations if now < each.expires_at)

    def with_role(self, user_id: str, role: Role, by: Role, now: datetime) -> "Workspace":
        """Change a member's role, as somebody with the role `by`, and end their tokens.

        Their invitations end if they may no longer give that role. Raises `NotFound`, `Forbidden` above
        the caller's own role, and `Conflict` for the last owner.
        """
        member = self.member(user_id)
        _check_rank(member.role, by)
        _check_rank(role, by)
        changed = replace(member, role=role)
        members = tuple(changed if known is member else known for known in self.members)
        return _require_owner(self._with_ranks(members, self._shut_out(user_id, now)))

    def without_member(self, user_id: str, by: Role, now: datetime) -> "Workspace":
        """Remove a member; end their tokens and invitations. Raises as `with_role` does."""
        member = self.member(user_id)
        _check_rank(member.role, by)
        members = tuple(known for known in self.members if known is not member)
        return _require_owner(self._with_ranks(members, self._shut_out(user_id, now)))

    def with_shut_out(self, user_id: str, now: datetime) -> "Workspace":
        """End a member's tokens; they stay a member."""
        return self._change(shut_outs=self._shut_out(user_id, now))

    def with_plan(self, tier: Tier, limits: WorkspaceLimits | None) -> "Workspace":
        return self._change(tier=tier, limits=limits)

    def _shut_out(self, user_id: str, now: datetime) -> tuple[ShutOut, ...]:
        # A second later than the last time, so that tokens issued since then end as well: they are
        # dated the second after it.
        at = max(int(now.timestamp()), self.tokens_hold_from(user_id))
        others = (out for out in self.shut_outs if out.user_id != user_id and out.until > now)
        return (*others, ShutOut(user_id, at, now + REVOKED_FOR))

    def _with_ranks(
        self, members: tuple[Member, ...], shut_outs: tuple[ShutOut, ...]
    ) -> "Workspace":
        changed = self._change(members=members, shut_outs=shut_outs)
        # Otherwise they would become valid again, unnoticed, if the inviter is promoted or comes back.
        valid = (
            each for each in self.invitations if changed.may_invite(each.invited_by, each.role)
        )
        return replace(changed, invitations=tuple(valid))

    def _change(self, **changes: object) -> "Workspace":
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]


def _check_rank(role: Role, by: Role) -> None:
    if role > by:
        raise Forbidden(
            f"This needs the role {role.label}; yours is {by.label}.",
            details={"required_role": role.label},
        )


def _require_owner(workspace: Workspace) -> Workspace:
    if not any(member.role is Role.OWNER for member in workspace.members):
        raise Conflict("The last owner can be neither removed nor given a lower role.")
    return workspace
