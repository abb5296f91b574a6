"""What the door needs from outside."""

from dataclasses import dataclass
from typing import Protocol

from common.identity import Identity
from gateway.domain.windows import RateLimits, Usage


class PlanSource(Protocol):
    """What auth knows of a workspace's plan."""

    async def limits(self, workspace_id: str) -> RateLimits:
        """Return its limits. Raises a `KasalError` when auth is away or knows no such workspace."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What the shared counters say of one request."""

    revoked: bool
    admitted: bool
    usage: Usage
    complete: bool
    """Whether the revocations there are known to be complete."""


class SharedCounters(Protocol):
    """Revocations and rate windows that all gateways share."""

    async def check(
        self, key: str, limits: RateLimits, identity: Identity | None
    ) -> Counted | None:
        """Look up and count one request in one round trip; None while the counters are away."""
