"""Secrets at rest: sealed with AES-256-GCM under a key derived from `KASAL_SECRET_KEY`."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12  # bytes; NIST SP 800-38D, section 8.2.2


class CannotOpen(Exception):  # noqa: N818 - it says what happened
    """What was sealed cannot be opened: another secret key, another place, or it was changed."""


class Sealer:
    """Seals and opens bytes for one purpose; what is sealed for another does not open."""

    def __init__(self, secret_key: str, purpose: str) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=f"kasal:{purpose}".encode())
        self._cipher = AESGCM(derived.derive(secret_key.encode()))

    def seal(self, plain: bytes, place: str) -> bytes:
        """Return `plain` sealed; it opens only for the same `place` (the id of its document)."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed. Raises `CannotOpen`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except InvalidTag:
            raise CannotOpen(
                f"{place} was sealed under another KASAL_SECRET_KEY, or has been changed"
            ) from None
