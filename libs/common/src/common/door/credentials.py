"""The identity of a token: JWTs are checked here, auth exchanges opaque tokens."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from common.addresses import counted_as
from common.bounded_dict import BoundedDict
from common.door.ports import TokenExchange
from common.door.refusals import Refusals
from common.errors import RateLimited, Unauthorized, Unavailable
from common.identity import Identity
from common.logs import get_logger
from common.security.tokens import TokenVerifier, digest, is_opaque, passable

log = get_logger(__name__)

_REMEMBERED = 10_000
"""The most exchanged tokens that are cached, and the most refused ones."""
_RENEW_BEFORE = 10.0
"""Seconds before its expiry at which an exchanged token is renewed, so that it outlasts the request."""
_REFUSED_FOR = 10.0
"""Seconds for which a refused token is cached."""
_EXCHANGES_AT_ONCE = 50
_EXCHANGES_WAITING = 1_000
"""Bounds on what reaches auth, whatever number of addresses sends unknown tokens."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A checked caller, and the JWT that stands for an opaque token (None for a JWT itself)."""

    identity: Identity
    jwt: str | None = None


class CredentialCheck:
    """Checks tokens, and caches for a while auth's answers on opaque ones, good or bad.

    The cache is keyed by digest, so it contains no tokens.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        exchange: TokenExchange,
        refusals: Refusals,
        remembered: int = _REMEMBERED,
    ) -> None:
        self._verifier = verifier
        self._exchange = exchange
        self._refusals = refusals
        self._exchanged: BoundedDict[bytes, Credential] = BoundedDict(remembered)
        self._refused: BoundedDict[bytes, float] = BoundedDict(remembered)
        self._exchanging: dict[bytes, asyncio.Task[Credential]] = {}
        self._undecided: Counter[str] = Counter()
        self._room = asyncio.Semaphore(_EXCHANGES_AT_ONCE)

    async def check(self, token: str, address: str | None = None) -> Credential:
        """Return the credential of `token`, sent from `address`; this does not check revocation.

        Raises `Unauthorized` if it is invalid, `Unavailable` if auth is needed but down, and
        `RateLimited` if auth would be needed and too many tokens from `address` were refused or are being
        checked. Without an address, the token was admitted before and nothing is counted.
        """
        if not is_opaque(token):
            identity = await self._verifier.verify(passable(token))
            if identity.kind != "access":
                raise Unauthorized("A service token is not accepted here.")
            return Credential(identity)
        try:
            return await self._redeem(passable(token), address)
        except Unauthorized:
            if address is not None:
                self._refusals.add(address)
            raise

    def forget(self, token: str, credential: Credential) -> bool:
        """Drop the JWT of an opaque token; return False if it cannot be exchanged again.

        A changed role ends the JWTs of an API key, not the key itself.
        """
        if credential.jwt is None:
            return False
        key = digest(token)
        if self._exchanged.get(key) is credential:
            del self._exchanged[key]
        return True

    async def _redeem(self, token: str, address: str | None) -> Credential:
        key = digest(token)
        known = self._exchanged.get(key)
        if known is not None and known.identity.expires_at - _RENEW_BEFORE > time.time():
            return known
        if self._refused.get(key, 0.0) > time.monotonic():
            raise Unauthorized("The token is not valid.")
        task = self._exchanging.get(key)
        if task is None:
            if known is not None:  # no guess: auth has accepted it before
                address = None
            self._limit(address)
            task = self._exchanging[key] = asyncio.create_task(self._exchange_token(token))
            task.add_done_callback(lambda done: self._remember(key, done))
            self._count_undecided(task, address)
        return await asyncio.shield(task)

    def _limit(self, address: str | None) -> None:
        if address is not None:
            if self._refusals.exhausted(address):
                raise RateLimited("Too many tokens from this address were refused.", retry_after=60)
            if self._refusals.exhausted(address, self._undecided[counted_as(address)]):
                raise RateLimited(
                    "Too many tokens from this address are being checked.", retry_after=5
                )
        if len(self._exchanging) >= _EXCHANGES_WAITING:
            raise RateLimited("Too many tokens are being checked.", retry_after=5)

    def _count_undecided(self, task: asyncio.Task[Credential], address: str | None) -> None:
        """Count the exchange for its address until it is over: many at once are guesses too."""
        if address is None:
            return
        counted = counted_as(address)
        self._undecided[counted] += 1

        def decide(_: asyncio.Task[Credential]) -> None:
            self._undecided[counted] -= 1
            if not self._undecided[counted]:
                del self._undecided[counted]

        task.add_done_callback(decide)

    async def _exchange_token(self, token: str) -> Credential:
        async with self._room:
            try:
                jwt = await self._exchange.exchange(token)
            except Unauthorized:
                raise Unauthorized("The token is not valid.") from None
        try:
            return Credential(await self._verifier.verify(jwt), jwt)
        except Unauthorized as fault:  # the caller's own token is good
            log.warning("auth gave a token that does not hold here", reason=fault.message)
            raise Unavailable("The token cannot be checked now.") from fault

    def _remember(self, key: bytes, task: asyncio.Task[Credential]) -> None:
        del self._exchanging[key]
        if task.cancelled():
            return
        fault = task.exception()
        if fault is None:
            self._exchanged[key] = task.result()
        else:
            self._exchanged.pop(key, None)
            if isinstance(fault, Unauthorized):
                self._refused[key] = time.monotonic() + _REFUSED_FOR
