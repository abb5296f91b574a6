"""Argon2id hashes (RFC 9106), made on a thread: one takes tens of milliseconds."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator

from pwdlib import PasswordHash

from common.errors import Unavailable

MOST_WAITING = 200
"""Passwords that wait to be hashed, some six seconds' worth; more are refused, so that not all time out."""


class Argon2Passwords:
    """Hashes and compares passwords; at most two at a time, since each takes 64 MiB.

    Raises `Unavailable` when too many wait.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHash.recommended()
        self._slots = asyncio.Semaphore(2)
        self._decoy: str | None = None
        self._waiting = 0

    async def hash(self, password: str) -> str:
        async with self._slot():
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, digest: str | None) -> bool:
        """Say whether the password is right; without a hash, a dummy is compared."""
        if self._decoy is None:
            self._decoy = await self.hash(secrets.token_urlsafe(16))
        async with self._slot():
            same = await asyncio.to_thread(self._hasher.verify, password, digest or self._decoy)
        return same and digest is not None

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._waiting >= MOST_WAITING:
            raise Unavailable("Too many passwords are being checked just now.", retry_after=5)
        self._waiting += 1
        try:
            async with self._slots:
                yield
        finally:
            self._waiting -= 1
