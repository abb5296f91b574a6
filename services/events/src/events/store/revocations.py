"""Revocations: the keys auth writes to Redis, and its list of those that have not expired."""

import asyncio
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from common.client import ServiceClient, ServiceTokens
from common.contracts.messages import SessionRevoked
from common.errors import Unavailable
from common.identity import ALL_WORKSPACES, Identity
from common.revocations import LOADED_KEY, session_key, user_key

_WITHIN = 1.0
"""Seconds for one question, a new connection and its greetings included: a socket waits for it."""


class RedisRevocations:
    """The keys in Redis; a `RevocationBoard`. One round trip a question."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def revoked(self, identity: Identity) -> bool:
        """Return whether a key covers `identity`."""
        session = session_key(identity.session_id)
        user = user_key(identity.workspace_id, identity.user_id)
        try:
            async with asyncio.timeout(_WITHIN):
                found: list[Any] = await self._redis.mget([session, user, LOADED_KEY])
        except (RedisError, OSError) as fault:
            raise Unavailable("Redis does not answer.") from fault
        if found[0] is not None or _covers(found[1], identity.issued_at):
            return True
        if found[2] is None:
            raise Unavailable("Redis has not been filled with the revocations yet.")
        return False


def _covers(revoked_at: Any, issued_at: int) -> bool:
    try:
        return revoked_at is not None and issued_at <= float(revoked_at)
    except ValueError:
        return True  # someone was revoked, at a time that cannot be read


class AuthRevocations:
    """Auth's own list; a `RevocationSource`."""

    def __init__(self, auth: ServiceClient, tokens: ServiceTokens) -> None:
        self._auth = auth
        self._tokens = tokens

    async def unexpired(self) -> Iterable[SessionRevoked]:
        """Return all that still matter."""
        token = await self._tokens.token(ALL_WORKSPACES)
        told = await self._auth.request("GET", "/internal/revocations", token=token)
        try:
            return [SessionRevoked.model_validate(entry) for entry in told["revocations"]]
        except (KeyError, TypeError, ValidationError) as fault:
            raise Unavailable("Auth's revocations cannot be understood.") from fault
