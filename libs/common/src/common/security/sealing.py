"""Secrets at rest: sealed with AES-256-GCM under a key derived from `KASAL_SECRET_KEY`."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.security.rotation import RotatingSecret

_NONCE = 12  # bytes; NIST SP 800-38D, section 8.2.2


class CannotOpen(Exception):  # noqa: N818 - it says what happened
    """Sealed data cannot be opened: another secret key, another place, or it was changed."""


class Sealer:
    """Seals and opens bytes for one purpose; bytes sealed for another purpose do not open.

    While the secret key rotates, it seals under the first key and opens under any.
    """

    def __init__(self, secret_key: str | RotatingSecret, purpose: str) -> None:
        secret = RotatingSecret.of(secret_key)
        self._ciphers = [_cipher(one, purpose) for one in secret.all]

    def seal(self, plain: bytes, place: str) -> bytes:
        """Return `plain` sealed; it opens only with the same `place` (its document's id)."""
        nonce = os.urandom(_NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the plain bytes. Raises `CannotOpen`."""
        return self._decrypt(sealed, place)[0]

    def reseal(self, sealed: bytes, place: str) -> bytes | None:
        """Return `sealed` under the current key, or None if it already is. Raises `CannotOpen`."""
        plain, cipher = self._decrypt(sealed, place)
        return None if cipher is self._ciphers[0] else self.seal(plain, place)

    def _decrypt(self, sealed: bytes, place: str) -> tuple[bytes, AESGCM]:
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode()), cipher
            except (InvalidTag, ValueError):  # a truncated nonce
                continue
        raise CannotOpen(
            f"{place} was sealed under another KASAL_SECRET_KEY, or has been changed: put the key it "
            "was sealed under behind the present one, with a comma between"
        )


def _cipher(secret_key: str, purpose: str) -> AESGCM:
    derived = HKDF(SHA256(), 32, salt=None, info=f"kasal:{purpose}".encode())
    return AESGCM(derived.derive(secret_key.encode()))
