"""What the door needs from outside."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from common.contracts.messages import SessionRevoked
from common.identity import Identity
from gateway.domain.windows import Limits, Usage


class RevocationSource(Protocol):
    """Auth's list of revocations that have not expired."""

    async def revocations(self) -> Iterable[SessionRevoked]:
        """Return all of them. Raises `Unavailable` or `UpstreamTimeout`."""


class PlanSource(Protocol):
    """What auth knows of a workspace's plan."""

    async def limits(self, workspace_id: str) -> Limits:
        """Return its limits. Raises a `KasalError` when auth is away or knows no such workspace."""


class TokenExchange(Protocol):
    """Auth's exchange of opaque tokens (API keys, the sandbox token)."""

    async def exchange(self, token: str) -> str:
        """Return a short-lived JWT for `token`. Raises `Unauthorized` when it does not hold."""


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

    async def check(self, key: str, limits: Limits, identity: Identity | None) -> Counted | None:
        """Look up and count one request in one round trip; None while the counters are away."""
