"""Signing keys and the key ring.

One key signs, its successor waits until it is known everywhere, and older keys stay published until
their last token has expired.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from jwt.algorithms import ECAlgorithm

from auth.domain.logins.revocations import LONGEST_ACCESS
from auth.domain.ports import Clock
from common.errors import Unavailable
from common.identity import ALGORITHM, Identity
from common.ids import new_id
from common.security.tokens import sign
from common.times import utc_now

READ_EVERY = timedelta(minutes=1)
"""How often each process reads the keys."""
KNOWN_BEFORE = timedelta(minutes=5)
"""A new key is public for so long before it signs: by then every process and every door has it."""
TOLD_FOR = KNOWN_BEFORE + LONGEST_ACCESS + timedelta(minutes=5)
"""A key is public for so long after its successor was made; the last minutes are for clocks."""
_ASK_AGAIN_AFTER = 5.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair. `number` counts 1, 2, 3 …; `id` is the `kid`."""

    id: str
    number: int
    private: EllipticCurvePrivateKey
    created_at: datetime


class SigningKeys(Protocol):
    """The stored keys."""

    async def all(self) -> Sequence[SigningKey]:
        """Return the keys, by rising number."""

    async def add(self, key: SigningKey) -> bool:
        """Store a key; False when another process has stored one with its number."""

    async def remove(self, key_id: str) -> None: ...


def new_signing_key(number: int, now: datetime) -> SigningKey:
    """Return a new P-256 key (RFC 7518, section 3.4)."""
    return SigningKey(new_id("sig"), number, generate_private_key(SECP256R1()), now)


def signer(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """Return the key that signs: the newest that has been known long enough, else the oldest."""
    ripe = [key for key in keys if key.created_at + KNOWN_BEFORE <= now]
    return ripe[-1] if ripe else keys[0]


def outdated_keys(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """Return the keys whose tokens have all expired."""
    return [key for key, successor in pairwise(keys) if successor.created_at + TOLD_FOR < now]


class KeyRing:
    """Signs tokens and publishes the public keys; also a `KeySource`."""

    def __init__(self, store: SigningKeys, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock
        self._keys: tuple[SigningKey, ...] = ()
        self._lock = asyncio.Lock()
        self._asked = float("-inf")

    async def load(self) -> None:
        """Read the keys; make the first when there is none."""
        keys = await self._store.all()
        if not keys:
            await self._store.add(
                new_signing_key(1, self._clock())
            )  # or another process's first key wins
            keys = await self._store.all()
        self._keys = tuple(keys)

    async def rotate(self) -> None:
        """Make the next key. It signs once it is known everywhere; existing tokens stay valid.

        Of several processes that rotate at once one succeeds, and all know its key.
        """
        await self._store.add(new_signing_key(self._keys[-1].number + 1, self._clock()))
        await self.load()

    async def keep(self, most_age: timedelta) -> None:
        """Read what other processes made, rotate when the newest key is old, drop outdated ones."""
        await self.load()
        now = self._clock()
        for key in outdated_keys(self._keys, now):
            await self._store.remove(key.id)
        if self._keys[-1].created_at + most_age <= now:
            await self.rotate()

    def mint(self, identity: Identity) -> str:
        """Return `identity` as a signed token. Raises `Unavailable` before the first `load`."""
        if not self._keys:
            raise Unavailable("The signing keys have not been read yet.")
        key = signer(self._keys, self._clock())
        return sign(identity, key.id, key.private)

    async def public_key(self, key_id: str) -> EllipticCurvePublicKey | None:
        """Return a public key by its `kid`.

        For an unknown one the store is read again, at most every 5 s, so forged ids are cheap.
        """
        found = self._find(key_id)
        if found is None:
            async with self._lock:
                if time.monotonic() - self._asked > _ASK_AGAIN_AFTER:
                    await self.load()
                    self._asked = time.monotonic()
            found = self._find(key_id)
        return found

    def _find(self, key_id: str) -> EllipticCurvePublicKey | None:
        for key in self._keys:
            if key.id == key_id:
                return key.private.public_key()
        return None

    def public_keys(self) -> list[dict[str, Any]]:
        """Return the public keys as JWKs (RFC 7517)."""
        gone = outdated_keys(self._keys, self._clock())
        return [_jwk(key) for key in self._keys if key not in gone]


def _jwk(key: SigningKey) -> dict[str, Any]:
    entry: dict[str, Any] = ECAlgorithm.to_jwk(key.private.public_key(), as_dict=True)
    return {**entry, "kid": key.id, "use": "sig", "alg": ALGORITHM}
