"""Tokens: their forms, and signing and checking JSON Web Tokens (RFC 7519)."""

import hashlib
import time
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)

from common.bounded_dict import BoundedDict
from common.errors import Unauthorized
from common.identity import ALGORITHM, AUDIENCE, ISSUER, ROLES, Identity, Role

API_KEY_PREFIX = "kasal_"
LONGEST_TOKEN = 8_192
"""Characters of a token, whatever its kind."""
LONGEST_OPAQUE = 1_000
"""Characters of an API key or the sandbox token; a longer one is neither sent to auth nor cached."""
_LEEWAY = 5
"""Seconds by which two machines' clocks may differ."""
_NEEDED = ["exp", "iat", "iss", "aud", "sub", "ws", "sid", "typ"]


def bearer(header: str) -> str:
    """Return the token of an `Authorization` header (RFC 6750). Raises `Unauthorized`."""
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if not token or scheme.lower() != "bearer":
        raise Unauthorized("This needs an Authorization header with a Bearer token.")
    return passable(token)


def passable(token: str) -> str:
    """Return `token` if it could be one of ours by its form. Raises `Unauthorized`."""
    longest = LONGEST_OPAQUE if is_opaque(token) else LONGEST_TOKEN
    if not token or len(token) > longest or not (token.isascii() and token.isprintable()):
        raise Unauthorized("The token is not valid.")
    return token


def is_opaque(token: str) -> bool:
    """Return whether `token` is an API key or the sandbox token rather than a JWT.

    The doors have auth exchange opaque tokens, so all other services see only JWTs.
    """
    return token.startswith(API_KEY_PREFIX) or token.count(".") != 2


def digest(token: str) -> bytes:
    """Return the digest under which `token` is cached, so that the cache holds no tokens."""
    return hashlib.sha256(token.encode()).digest()


class KeySource(Protocol):
    """A source of public keys: auth's own store, or its JWKS over HTTP."""

    async def public_key(self, key_id: str) -> EllipticCurvePublicKey | None:
        """Return the key `key_id`, or None if there is no such key."""


def sign(
    identity: Identity, key_id: str, key: EllipticCurvePrivateKey, token_id: str | None = None
) -> str:
    """Return `identity` as a signed token. It expires at `identity.expires_at`."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": identity.user_id,
        "ws": identity.workspace_id,
        "role": identity.role.label,
        "sid": identity.session_id,
        "iat": identity.issued_at,
        "exp": identity.expires_at,
        "typ": identity.kind,
    }
    if token_id is not None:
        claims["jti"] = token_id
    # Unsorted, so that tokens begin with `{"typ"` as the API document shows them: eyJ0eXAi…
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": key_id}, sort_headers=False)


@dataclass(frozen=True, slots=True)
class _Checked:
    identity: Identity
    key_id: str
    key: EllipticCurvePublicKey


class TokenVerifier:
    """Checks tokens: signature, algorithm, issuer, audience, expiry. The doors check revocation.

    Up to `remembered` checked tokens are cached, by digest, until they expire or their key is no longer
    trusted.
    """

    def __init__(self, keys: KeySource, remembered: int = 20_000) -> None:
        self._keys = keys
        self._known: BoundedDict[bytes, _Checked] = BoundedDict(remembered)

    async def verify(self, token: str) -> Identity:
        """Return the identity of `token`. Raises `Unauthorized` if it is not valid."""
        key = digest(token)
        known = self._known.get(key)
        if known is not None:
            if known.identity.expires_at > time.time() and await self._holds(known):
                return known.identity
            self._known.pop(key, None)
        checked = await self._check(token)
        self._known[key] = checked
        return checked.identity

    async def _holds(self, checked: "_Checked") -> bool:
        return await self._keys.public_key(checked.key_id) == checked.key

    async def _check(self, token: str) -> "_Checked":
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid", ""))
            key = await self._keys.public_key(key_id)
            if key is None:
                raise Unauthorized("The token is signed with a key that is not known.")
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=_LEEWAY,
                options={"require": _NEEDED},
            )
            return _Checked(_identity(claims), key_id, key)
        except jwt.ExpiredSignatureError:
            raise Unauthorized("The token has expired.") from None
        except (jwt.PyJWTError, KeyError, ValueError, TypeError):
            raise Unauthorized("The token is not valid.") from None


def _identity(claims: dict[str, Any]) -> Identity:
    if claims["typ"] not in {"access", "service"}:
        raise Unauthorized("The token is not an access token.")
    return Identity(
        user_id=str(claims["sub"]),
        workspace_id=str(claims["ws"]),
        role=ROLES.get(str(claims.get("role")), Role.VIEWER),
        session_id=str(claims["sid"]),
        issued_at=int(claims["iat"]),
        expires_at=int(claims["exp"]),
        kind=claims["typ"],
    )
