"""Auth's public keys, read from its JWKS (RFC 7517) and kept."""

import asyncio
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from jwt import PyJWK, PyJWKError

from common.client import ServiceClient
from common.identity import ALGORITHM

_ASK_AGAIN_AFTER = 5.0
"""Seconds between two questions for keys that are not known, so that forged ids cost little."""


class RemoteKeys:
    """Public keys by `kid`. An unknown `kid` has the set read again, at most every 5 s."""

    def __init__(self, auth: ServiceClient) -> None:
        self._auth = auth
        self._keys: dict[str, EllipticCurvePublicKey] = {}
        self._asked = float("-inf")
        self._lock = asyncio.Lock()

    async def public_key(self, key_id: str) -> EllipticCurvePublicKey | None:
        """Return the key named `key_id`, or None. Raises `Unavailable` when auth is away."""
        if key_id not in self._keys:
            async with self._lock:
                if key_id not in self._keys and time.monotonic() - self._asked > _ASK_AGAIN_AFTER:
                    await self.refresh()
        return self._keys.get(key_id)

    async def refresh(self) -> None:
        """Read the set now. Raises `Unavailable` when auth is away."""
        answer = await self._auth.request("GET", "/.well-known/jwks.json")
        self._keys = {
            str(entry["kid"]): _public_key(entry)
            for entry in answer["keys"]
            if entry.get("alg") == ALGORITHM
        }
        self._asked = time.monotonic()


def _public_key(entry: dict[str, Any]) -> EllipticCurvePublicKey:
    key = PyJWK.from_dict(entry).key
    if not isinstance(key, EllipticCurvePublicKey):
        raise PyJWKError(f"The key {entry['kid']} is not an elliptic-curve public key.")
    return key
