"""Whether a request may come in: its token, its revocation, its rate windows."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from common.addresses import counted_as
from common.errors import Unauthorized
from common.identity import Identity
from common.tokens import bearer, is_opaque
from gateway.domain.credentials import Credential, Credentials
from gateway.domain.plans import Plans
from gateway.domain.ports import Counted, SharedCounters
from gateway.domain.revocations import Revocations
from gateway.domain.windows import Limits, LocalUsage, Standing, standings


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


class _Revoked(Unauthorized):
    def __init__(self) -> None:
        super().__init__("The token has been revoked.")


@dataclass(frozen=True, slots=True)
class Admission:
    """What the door found.

    `jwt` stands in for an opaque token; `windows` are the limited ones, the tightest first.
    """

    admitted: bool
    windows: list[Standing]
    identity: Identity | None = None
    jwt: str | None = None


class Doorkeeper:
    """Admits callers by token and open requests by address.

    The shared counters are asked once per request. While they are away, revocations come from the
    door's own copy and the windows are this process's alone. Nobody is let in on a copy that was
    never loaded.
    """

    def __init__(
        self,
        credentials: Credentials,
        plans: Plans,
        revocations: Revocations,
        counters: SharedCounters,
        refusals: int = 300,
        clock: Callable[[], int] = _milliseconds,
    ) -> None:
        self._credentials = credentials
        self._plans = plans
        self._revocations = revocations
        self._counters = counters
        self._clock = clock
        self._local = LocalUsage()
        self._refusals = Limits(per_minute=refusals)

    async def caller(self, authorization: str, address: str) -> Admission:
        """Admit the caller named by an `Authorization` header, or say that a window is spent.

        Raises `Unauthorized` for a token that does not hold, `Unavailable` when auth is needed to
        know and away, and `RateLimited` when `address` tries one unknown token after the other.
        """
        token = bearer(authorization)
        credential = await self._checked(token, address)
        try:
            return await self._admitted(credential)
        except _Revoked:
            if not self._credentials.forget(token, credential):
                raise
        # Exchanged before its holder's role changed: auth knows whether the key itself still holds.
        return await self._admitted(await self._checked(token, address))

    async def _admitted(self, credential: Credential) -> Admission:
        identity = credential.identity
        if self._revocations.covers(identity):
            raise _Revoked
        workspace = identity.workspace_id
        limits = self._plans.held(workspace) or await self._plans.limits(workspace)
        counted = await self._count(f"kasal:rate:{workspace}", limits, identity)
        if counted.revoked or self._revocations.covers(identity):  # it may have come meanwhile
            raise _Revoked
        windows = standings(counted.usage, limits)
        return Admission(counted.admitted, windows, identity, credential.jwt)

    async def _checked(self, token: str, address: str) -> Credential:
        refused = f"refused:{counted_as(address)}" if is_opaque(token) else ""
        may_ask = not (refused and self._local.spent(refused, self._refusals, self._clock()))
        try:
            return await self._credentials.check(token, may_ask=may_ask)
        except Unauthorized:
            if refused:
                self._local.take(refused, self._refusals, self._clock())
            raise

    def plan_changed(self, workspace_id: str) -> None:
        """Have a new plan hold at once here; other doors notice within a minute."""
        self._plans.forget(workspace_id)

    async def address(self, kind: str, address: str, per_minute: int) -> Admission:
        """Admit a request without a token, counting `address` for this `kind` of request."""
        limits = Limits(per_minute=per_minute)
        counted = await self._count(f"kasal:rate:{kind}:{counted_as(address)}", limits, None)
        return Admission(counted.admitted, standings(counted.usage, limits))

    async def _count(self, key: str, limits: Limits, identity: Identity | None) -> Counted:
        counted = await self._counters.check(key, limits, identity)
        if identity is not None and (counted is None or not counted.complete):
            if counted is not None:
                self._revocations.missed()
            await self._revocations.loaded()
        if counted is not None:
            return counted
        admitted, usage = self._local.take(key, limits, self._clock())
        return Counted(revoked=False, admitted=admitted, usage=usage, complete=True)
