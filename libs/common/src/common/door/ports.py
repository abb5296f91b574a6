"""What the checks at a door need from outside."""

from collections.abc import Iterable
from typing import Protocol

from common.contracts.messages import SessionRevoked
from common.identity import Identity


class TokenExchange(Protocol):
    """Auth's exchange of opaque tokens (API keys, the sandbox token) for short-lived JWTs."""

    async def exchange(self, token: str) -> str:
        """Return a JWT for `token`.

        Raises `Unauthorized` if it is not valid, `Unavailable` or `UpstreamTimeout` if auth does not answer.
        """


class RevocationSource(Protocol):
    """Auth's list of revocations."""

    async def revocations(self) -> Iterable[SessionRevoked]:
        """Return the revocations that have not expired. Raises `Unavailable` or `UpstreamTimeout`."""


class RevocationReader(Protocol):
    """The revocations in Redis, which all doors share."""

    async def covers(self, identity: Identity) -> bool:
        """Return whether `identity`'s token was revoked.

        Raises `Unavailable` when Redis does not answer or auth has not filled it.
        """
