"""Auth's public keys, read from its JWKS (RFC 7517) and cached."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from jwt import PyJWK, PyJWKError

from common.client import ServiceClient
from common.errors import KasalError
from common.identity import ALGORITHM
from common.logs import get_logger

log = get_logger(__name__)

_ASK_AGAIN_AFTER = 5.0
"""Seconds between two requests for unknown keys, so that forged ids cost little."""
_FRESH = 60.0
"""Seconds after which the set is read again, so that a removed key is no longer trusted."""
_PATIENCE = 1.0
"""Seconds that callers wait for a new set if there is an old one."""


class RemoteKeys:
    """Public keys by `kid`, read again every minute, and for an unknown `kid` at most every 5 s.

    While auth is down the last set is used.
    """

    def __init__(self, auth: ServiceClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._auth = auth
        self._clock = clock
        self._keys: dict[str, EllipticCurvePublicKey] = {}
        self._asked = self._read = float("-inf")
        self._lock = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None

    async def public_key(self, key_id: str) -> EllipticCurvePublicKey | None:
        """Return the key `key_id`, or None. Raises `Unavailable` when auth is down."""
        if key_id not in self._keys:
            async with self._lock:
                if key_id not in self._keys and self._passed(self._asked, _ASK_AGAIN_AFTER):
                    await self.refresh()
        elif self._passed(self._read, _FRESH):
            await self._wait_for_renewal()
        return self._keys.get(key_id)

    async def _wait_for_renewal(self) -> None:
        """Read the set in the background, and wait briefly for it."""
        if self._renewing is None and self._passed(self._asked, _ASK_AGAIN_AFTER):
            self._asked = self._clock()
            self._renewing = asyncio.create_task(self._renew(), name="read signing keys")
        if self._renewing is not None:
            left = self._asked + _PATIENCE - self._clock()
            await asyncio.wait({self._renewing}, timeout=max(0.0, left))

    async def _renew(self) -> None:
        try:
            await self.refresh()
        except KasalError as fault:
            log.warning("the signing keys could not be read again", reason=fault.message)
        finally:
            self._renewing = None

    async def refresh(self) -> None:
        """Read the set now. Raises `Unavailable` when auth is down."""
        answer = await self._auth.request("GET", "/.well-known/jwks.json")
        self._keys = {
            str(entry["kid"]): _public_key(entry)
            for entry in answer["keys"]
            if entry.get("alg") == ALGORITHM
        }
        self._asked = self._read = self._clock()

    def _passed(self, since: float, seconds: float) -> bool:
        return self._clock() - since > seconds


def _public_key(entry: dict[str, Any]) -> EllipticCurvePublicKey:
    key = PyJWK.from_dict(entry).key
    if not isinstance(key, EllipticCurvePublicKey):
        raise PyJWKError(f"The key {entry['kid']} is not an elliptic-curve public key.")
    return key
