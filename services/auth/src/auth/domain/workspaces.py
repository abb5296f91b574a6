"""Workspaces: their members with roles, and their plan."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from common.errors import Conflict, Forbidden, NotFound, Unauthorized
from common.identity import Role

Tier = Literal["free", "pro", "enterprise"]

TIER_LIMITS: dict[Tier, tuple[int, int] | None] = {
    "free": (1_000, 100),
    "pro": (10_000, 1_000),
    "enterprise": None,
}
"""Requests per hour and per minute; None is unlimited."""


@dataclass(frozen=True, slots=True)
class Limits:
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
class Workspace:
    """A tenant. `version` rises with every change, so that two changes cannot cross."""

    id: str
    name: str
    tier: Tier
    limits: Limits | None
    members: tuple[Member, ...]
    created_at: datetime
    version: int = 1

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

    def effective_limits(self) -> Limits | None:
        """Return the rate limits that hold, None for unlimited."""
        by_tier = TIER_LIMITS[self.tier]
        return self.limits if by_tier is None else Limits(*by_tier)

    def with_member(self, member: Member) -> "Workspace":
        """Add a member. Raises `Conflict` when the person is one already."""
        if any(known.user_id == member.user_id for known in self.members):
            raise Conflict(f"{member.email} is a member of this workspace already.", field="email")
        return self._changed(members=(*self.members, member))

    def with_role(self, user_id: str, role: Role, by: Role) -> "Workspace":
        """Change a member's role, as somebody with the role `by`.

        Raises `NotFound`, `Forbidden` above one's own role, `Conflict` for the last owner.
        """
        member = self.member(user_id)
        self._check_rank(member.role, by)
        self._check_rank(role, by)
        changed = self._changed(
            members=tuple(
                replace(known, role=role) if known.user_id == user_id else known
                for known in self.members
            )
        )
        return _owned(changed)

    def without_member(self, user_id: str, by: Role) -> "Workspace":
        """Remove a member. Raises as `with_role` does."""
        self._check_rank(self.member(user_id).role, by)
        left = tuple(known for known in self.members if known.user_id != user_id)
        return _owned(self._changed(members=left))

    def with_plan(self, tier: Tier, limits: Limits | None) -> "Workspace":
        return self._changed(tier=tier, limits=limits)

    def _changed(self, **changes: object) -> "Workspace":
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]

    @staticmethod
    def _check_rank(role: Role, by: Role) -> None:
        if role > by:
            raise Forbidden(f"Only an {role.label} may do that to an {role.label}.")


def _owned(workspace: Workspace) -> Workspace:
    if not any(member.role is Role.OWNER for member in workspace.members):
        raise Conflict("The last owner can be neither removed nor given a lower role.")
    return workspace
