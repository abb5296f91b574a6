"""Tokens for tests, signed with a key that exists only in the test process."""

import time

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)

from common.identity import ROLES, Identity, TokenKind
from common.security.tokens import sign

KEY_ID = "test-key"


class LocalKeys:
    """A `KeySource` over one key pair. `asked` counts the lookups."""

    def __init__(self) -> None:
        self.private: EllipticCurvePrivateKey = generate_private_key(SECP256R1())
        self.asked = 0

    async def public_key(self, key_id: str) -> EllipticCurvePublicKey | None:
        self.asked += 1
        return self.private.public_key() if key_id == KEY_ID else None


class TokenMaker:
    """Makes tokens that a verifier with the same keys accepts."""

    def __init__(self, keys: LocalKeys) -> None:
        self._keys = keys

    def __call__(
        self,
        role: str = "owner",
        workspace_id: str = "ws_test",
        user_id: str = "usr_test",
        kind: TokenKind = "access",
        session_id: str = "ses_test",
        expires_in: int = 3_600,
    ) -> str:
        now = int(time.time())
        identity = Identity(
            user_id=user_id,
            workspace_id=workspace_id,
            role=ROLES[role],
            session_id=session_id,
            issued_at=now,
            expires_at=now + expires_in,
            kind=kind,
        )
        return sign(identity, KEY_ID, self._keys.private)
