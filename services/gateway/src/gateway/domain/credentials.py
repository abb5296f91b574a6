"""Who a token speaks for: JWTs are checked here, opaque tokens are exchanged at auth."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from common.errors import KasalError, RateLimited, Unauthorized
from common.identity import Identity
from common.tokens import TokenVerifier, is_opaque
from gateway.domain.ports import TokenExchange

ValueT = TypeVar("ValueT")

_REMEMBERED = 10_000
_RENEW_BEFORE = 10.0
"""Seconds before its end that an exchanged token is replaced, so that it outlives the request."""
_REFUSED_FOR = 10.0


@dataclass(frozen=True, slots=True)
class Credential:
    """A checked caller, and the JWT that stands for an opaque token (None for a JWT itself)."""

    identity: Identity
    jwt: str | None = None


class Credentials:
    """Checks tokens and keeps what was found, good or bad, for a while."""

    def __init__(self, verifier: TokenVerifier, exchange: TokenExchange) -> None:
        self._verifier = verifier
        self._exchange = exchange
        self._exchanged: OrderedDict[str, Credential] = OrderedDict()
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Credential]] = {}

    async def check(self, token: str, *, may_ask: bool = True) -> Credential:
        """Return who `token` speaks for; whether it was revoked is not looked at here.

        Raises `Unauthorized` when it does not hold, `Unavailable` when auth is needed to know and
        away, and `RateLimited` when auth would have to be asked and `may_ask` is false.
        """
        if is_opaque(token):
            return await self._redeemed(token, may_ask)
        identity = await self._verifier.verify(token)
        if identity.kind != "access":
            raise Unauthorized("A service token is not accepted here.")
        return Credential(identity)

    def forget(self, token: str, credential: Credential) -> bool:
        """Forget what an opaque token was exchanged for; False when there is no other to be had.

        Its holder's role may have changed: that ends what was given before, not the API key.
        """
        if credential.jwt is None:
            return False
        if self._exchanged.get(token) is credential:
            del self._exchanged[token]
        return True

    async def _redeemed(self, token: str, may_ask: bool) -> Credential:
        known = self._exchanged.get(token)
        if known is not None and known.identity.expires_at - _RENEW_BEFORE > time.time():
            return known
        if self._refused.get(token, 0.0) > time.monotonic():
            raise Unauthorized("The token is not valid.")
        task = self._asking.get(token)
        if task is None and not may_ask:
            raise RateLimited("Too many tokens from this address were refused.", retry_after=60)
        if task is None:
            task = self._asking[token] = asyncio.create_task(self._ask(token))
            task.add_done_callback(lambda done: self._asked(token, done))
        return await asyncio.shield(task)

    async def _ask(self, token: str) -> Credential:
        try:
            jwt = await self._exchange.exchange(token)
        except Unauthorized:
            raise Unauthorized("The token is not valid.") from None
        return Credential(await self._verifier.verify(jwt), jwt)

    def _asked(self, token: str, task: asyncio.Task[Credential]) -> None:
        del self._asking[token]
        if task.cancelled():
            return
        fault = task.exception()
        if fault is None:
            _keep(self._exchanged, token, task.result())
        else:
            self._exchanged.pop(token, None)
            if isinstance(fault, KasalError) and fault.status == 401:
                _keep(self._refused, token, time.monotonic() + _REFUSED_FOR)


def _keep(kept: OrderedDict[str, ValueT], token: str, value: ValueT) -> None:
    kept[token] = value
    kept.move_to_end(token)
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)
