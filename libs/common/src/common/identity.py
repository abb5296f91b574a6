"""Who is calling: the claims of a checked token, and what its role may do."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from common.errors import Forbidden

ISSUER = "kasal"
AUDIENCE = "kasal"
ALGORITHM = "ES256"
"""Pinned: a token that names another algorithm is refused (RFC 8725, section 3.1)."""

ALL_WORKSPACES = "*"
"""Workspace of a service token that may read the heads of any job, and nothing else."""

TokenKind = Literal["access", "service"]


class Role(IntEnum):
    """Roles in ascending order; each includes the rights of the one before."""

    VIEWER = 1
    EDITOR = 2
    ADMIN = 3
    OWNER = 4

    @property
    def label(self) -> str:
        return self.name.lower()


ROLES = {role.label: role for role in Role}


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller, as a checked token names it.

    `session_id` is the login (or API key) the token came from; revoking it ends the token.
    `issued_at` and `expires_at` are Unix seconds. Service tokens have no user and no role.
    """

    user_id: str
    workspace_id: str
    role: Role
    session_id: str
    issued_at: int
    expires_at: int
    kind: TokenKind = "access"

    @property
    def acts_as(self) -> str:
        """The API key that was used, or else the user: who is recorded as having acted."""
        return self.session_id if self.session_id.startswith("key_") else self.user_id

    def require(self, least: Role) -> None:
        """Raise `Forbidden` if the role is below `least`."""
        if self.role < least:
            raise Forbidden(
                f"This needs the role {least.label}; yours is {self.role.label}.",
                details={"required_role": least.label},
            )
