"""Whether a request may come in: its token, its revocation, its rate windows."""

from collections.abc import Callable
from dataclasses import dataclass

from common.addresses import counted_as
from common.door.credentials import Credential
from common.door.doorkeeper import Doorkeeper
from common.door.revocations import RevocationCopy, TokenRevoked
from common.door.windows import wall_clock
from common.identity import Identity
from gateway.domain.plans import KnownPlans
from gateway.domain.ports import Counted, SharedCounters
from gateway.domain.windows import LocalUsage, RateLimits, Standing, standings


@dataclass(frozen=True, slots=True)
class Admission:
    """What the gateway finds out about a request.

    `jwt` stands in for an opaque token; `windows` are the limited ones, the tightest first.
    """

    admitted: bool
    windows: list[Standing]
    identity: Identity | None = None
    jwt: str | None = None


class AdmissionControl:
    """Admits callers by token and open requests by address.

    It asks the shared counters once per request. While they are away, revocations come from the
    door's own copy and the windows are this process's alone. Nobody is let in on a copy that was
    never loaded.
    """

    def __init__(
        self,
        doorkeeper: Doorkeeper,
        plans: KnownPlans,
        revocations: RevocationCopy,
        counters: SharedCounters,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self._doorkeeper = doorkeeper
        self._plans = plans
        self._revocations = revocations
        self._counters = counters
        self._clock = clock
        self._local = LocalUsage()

    async def admit_caller(self, token: str, address: str) -> Admission:
        """Admit the holder of `token`, or say that a window is spent.

        Raises as `Doorkeeper.admit`.
        """
        return await self._doorkeeper.admit(token, address, self._count_caller)

    async def _count_caller(self, credential: Credential) -> Admission:
        identity = credential.identity
        if self._revocations.covers(identity):
            raise TokenRevoked
        workspace = identity.workspace_id
        limits = self._plans.known_limits(workspace) or await self._plans.limits(workspace)
        counted = await self._count(f"kasal:rate:{workspace}", limits, identity)
        if counted.revoked or self._revocations.covers(identity):  # it may have just arrived
            raise TokenRevoked
        windows = standings(counted.usage, limits)
        return Admission(counted.admitted, windows, identity, credential.jwt)

    def apply_new_plan(self, workspace_id: str) -> None:
        """Apply a new plan at once here; other gateways notice within a minute."""
        self._plans.forget(workspace_id)

    async def admit_address(self, kind: str, address: str, per_minute: int) -> Admission:
        """Admit a request without a token, counting `address` for this `kind` of request."""
        limits = RateLimits(per_minute=per_minute)
        counted = await self._count(f"kasal:rate:{kind}:{counted_as(address)}", limits, None)
        return Admission(counted.admitted, standings(counted.usage, limits))

    async def _count(self, key: str, limits: RateLimits, identity: Identity | None) -> Counted:
        counted = await self._counters.check(key, limits, identity)
        if identity is not None and (counted is None or not counted.complete):
            if counted is not None:
                self._revocations.reload()
            await self._revocations.wait_until_loaded()
        if counted is not None:
            return counted
        admitted, usage = self._local.take(key, limits, self._clock())
        return Counted(revoked=False, admitted=admitted, usage=usage, complete=True)
