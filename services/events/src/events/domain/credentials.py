"""Who a token speaks for, at this door: JWTs checked here, opaque tokens exchanged at auth."""

import asyncio
import hashlib
import time
from collections import OrderedDict

from common.errors import RateLimited, Unauthorized
from common.identity import Identity
from common.tokens import TokenVerifier, is_opaque, passable
from events.domain.ports import TokenExchange
from events.domain.refusals import Refusals
from events.domain.revocations import Revocations

_REMEMBERED = 5_000
_RENEW_BEFORE = 5.0
"""An exchanged token is used again until so many seconds before its end."""


class Authenticator:
    """Checks tokens and their revocation."""

    def __init__(
        self,
        verifier: TokenVerifier,
        exchange: TokenExchange,
        revocations: Revocations,
        refusals: Refusals | None = None,
    ) -> None:
        self._refusals = refusals or Refusals(300)
        self._verifier = verifier
        self._exchange = exchange
        self._revocations = revocations
        self._exchanged: OrderedDict[bytes, Identity] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Identity]] = {}

    async def identify(self, token: str, address: str = "") -> Identity:
        """Return who `token`, shown from `address` where that is known, speaks for.

        Raises `Unauthorized` when it does not hold, `Unavailable` when auth is needed to know and
        away, and `RateLimited` when `address` tries one unknown token after the other.
        """
        opaque = is_opaque(passable(token))
        identity = await (self._redeem(token, address) if opaque else self._verifier.verify(token))
        if identity.kind != "access":
            raise Unauthorized("A service token is not accepted here.")
        if not await self._revocations.revoked(identity):
            return identity
        if opaque:
            # Exchanged before its holder's role changed: auth knows whether the key still holds.
            self._forget(token, identity)
            identity = await self._redeem(token, address)
            if not await self._revocations.revoked(identity):
                return identity
            self._forget(token, identity)
        raise Unauthorized("The token has been revoked.")

    def _forget(self, token: str, identity: Identity) -> None:
        if self._exchanged.get(_digest(token)) is identity:
            del self._exchanged[_digest(token)]

    async def _redeem(self, token: str, address: str) -> Identity:
        digest = _digest(token)
        known = self._exchanged.get(digest)
        if known is not None and known.expires_at - _RENEW_BEFORE > time.time():
            return known
        if address and self._refusals.spent(address):
            raise RateLimited("Too many tokens from this address were refused.", retry_after=60)
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.create_task(self._ask(token))
            task.add_done_callback(lambda done: self._asked(digest, done))
        try:
            return await asyncio.shield(task)
        except Unauthorized:
            if address:
                self._refusals.add(address)
            raise

    async def _ask(self, token: str) -> Identity:
        return await self._verifier.verify(await self._exchange.exchange(token))

    def _asked(self, digest: bytes, task: asyncio.Task[Identity]) -> None:
        del self._asking[digest]
        if task.cancelled() or task.exception() is not None:
            return
        self._exchanged[digest] = task.result()
        self._exchanged.move_to_end(digest)
        if len(self._exchanged) > _REMEMBERED:
            self._exchanged.popitem(last=False)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
