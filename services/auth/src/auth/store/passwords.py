"""Argon2id hashes (RFC 9106), made on a thread: one takes tens of milliseconds."""

import asyncio
import secrets

from pwdlib import PasswordHash


class Argon2Passwords:
    """Hashes and compares passwords; at most two at a time, since each takes 64 MiB."""

    def __init__(self) -> None:
        self._hasher = PasswordHash.recommended()
        self._slots = asyncio.Semaphore(2)
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Say whether the password is right; without a hash one of no password is compared."""
        if self._decoy is None:
            self._decoy = await self.hash(secrets.token_urlsafe(16))
        async with self._slots:
            same = await asyncio.to_thread(self._hasher.verify, password, hashed or self._decoy)
        return same and hashed is not None
