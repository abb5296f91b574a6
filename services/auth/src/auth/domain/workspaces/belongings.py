"""Which workspaces somebody belongs to, and which one they enter when they name none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from auth.domain.accounts.users import User
from auth.domain.workspaces.workspaces import Tier
from common.identity import Role

MOST_BELONGINGS = 100
"""Workspaces that one person may belong to."""
MOST_LISTED = 1_000
"""Workspaces that are read of one person, who may have been added to more before there was a bound."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """A user's membership, seen from the user."""

    workspace_id: str
    name: str
    tier: Tier
    role: Role
    joined_at: datetime
    made_at: datetime
    """When the workspace was made."""


def entered_first(user: User, belongings: Sequence[Belonging]) -> Belonging | None:
    """Return where a login leads that names no workspace: one's own, else the one joined first.

    Never a workspace because it is older: anybody could have made that.
    """
    in_order = sorted(
        belongings, key=lambda belonging: (belonging.joined_at, belonging.workspace_id)
    )
    own = [belonging for belonging in in_order if belonging.workspace_id == user.home]
    # Accounts from before `home` was kept: their workspace was made in the same moment.
    made_with = [belonging for belonging in in_order if belonging.joined_at == belonging.made_at]
    return next(iter(own + made_with + in_order), None)
