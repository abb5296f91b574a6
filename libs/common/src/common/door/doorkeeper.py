"""Admits callers by their tokens."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from common.door.credentials import Credential, CredentialCheck
from common.door.revocations import RevocationCheck, TokenRevoked
from common.identity import Identity

ResultT = TypeVar("ResultT")


class Doorkeeper:
    """Checks a caller's token, then whether it was revoked."""

    def __init__(self, credentials: CredentialCheck) -> None:
        self._credentials = credentials

    async def admit(
        self,
        token: str,
        address: str | None,
        look_up: Callable[[Credential], Awaitable[ResultT]],
    ) -> ResultT:
        """Return what `look_up` finds for the caller; it raises `TokenRevoked` for a revoked token.

        `address` is None for a token that was admitted before. Raises `Unauthorized` for an invalid token,
        `Unavailable` if auth is needed but down, `RateLimited` if `address` tries one unknown token
        after another, and what `look_up` raises.
        """
        credential = await self._credentials.check(token, address)
        try:
            return await look_up(credential)
        except TokenRevoked:
            if not self._credentials.forget(token, credential):
                raise
        # Exchanged before its holder's role changed: auth knows whether the key itself is still valid.
        credential = await self._credentials.check(token, address)
        try:
            return await look_up(credential)
        except TokenRevoked:
            self._credentials.forget(token, credential)
            raise


class Authenticator:
    """A door that only needs to know who a caller is."""

    def __init__(self, doorkeeper: Doorkeeper, revocations: RevocationCheck) -> None:
        self._doorkeeper = doorkeeper
        self._revocations = revocations

    async def identify(self, token: str, address: str | None = None) -> Identity:
        """Return the identity of `token`, sent from `address`. Raises like `Doorkeeper.admit`."""
        return await self._doorkeeper.admit(token, address, self._look_up)

    async def _look_up(self, credential: Credential) -> Identity:
        await self._revocations.check(credential.identity)
        return credential.identity
