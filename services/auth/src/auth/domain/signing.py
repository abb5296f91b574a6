"""Signing keys: the newest signs, and older ones are known until their last token has expired."""

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

from common.identity import ALGORITHM, Identity
from common.times import utc_now
from common.tokens import sign


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair. `number` counts 1, 2, 3 …: the highest signs. `id` is the `kid`."""

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


def made(number: int) -> SigningKey:
    """Return a new P-256 key (RFC 7518, section 3.4)."""
    return SigningKey(
        id=f"key-{number}-{utc_now():%Y%m%d%H%M%S%f}"[:28],
        number=number,
        private=generate_private_key(SECP256R1()),
        created_at=utc_now(),
    )


def outdated(keys: Sequence[SigningKey], now: datetime, lifetime: timedelta) -> list[SigningKey]:
    """Return the keys none of whose tokens can hold any more.

    A key signs until its successor is made; its last token expires `lifetime` later.
    """
    return [key for key, successor in pairwise(keys) if successor.created_at + lifetime < now]


class KeyRing:
    """Signs with the newest key and tells the public halves of all; also a `KeySource`."""

    def __init__(self, store: SigningKeys, access_ttl: timedelta) -> None:
        self._store = store
        self._ttl = access_ttl
        self._keys: list[SigningKey] = []

    async def load(self) -> None:
        """Read the keys; make the first when there is none. Drop the outdated ones."""
        self._keys = list(await self._store.all())
        if not self._keys:
            await self._store.add(made(1))  # or another process's first key wins
            self._keys = list(await self._store.all())
        for key in outdated(self._keys, utc_now(), self._ttl):
            await self._store.remove(key.id)
            self._keys.remove(key)

    async def rotate(self) -> None:
        """Sign with a new key from now on; tokens of the older ones hold until they expire."""
        await self._store.add(made(self._keys[-1].number + 1))
        await self.load()

    async def mint(self, identity: Identity) -> str:
        """Return `identity` as a token signed with the newest key."""
        if not self._keys:
            await self.load()
        key = self._keys[-1]
        return sign(identity, key.id, key.private)

    async def public_key(self, key_id: str) -> EllipticCurvePublicKey | None:
        """Return a public key by its `kid`; one that another process has made is found too."""
        found = self._find(key_id)
        if found is None and key_id.startswith("key-"):
            await self.load()
            found = self._find(key_id)
        return found

    def _find(self, key_id: str) -> EllipticCurvePublicKey | None:
        for key in self._keys:
            if key.id == key_id:
                return key.private.public_key()
        return None

    async def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JWK Set (RFC 7517)."""
        await self.load()
        return {"keys": [_jwk(key) for key in self._keys]}


def _jwk(key: SigningKey) -> dict[str, Any]:
    entry: dict[str, Any] = ECAlgorithm.to_jwk(key.private.public_key(), as_dict=True)
    return {**entry, "kid": key.id, "use": "sig", "alg": ALGORITHM}
