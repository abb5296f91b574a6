"""The revocations in Redis, where auth writes them."""

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from common.contracts.revocations import LOADED_KEY, session_key, user_key
from common.errors import Unavailable
from common.identity import Identity

_WITHIN = 1.0
"""Seconds for one question, a new connection and its greetings included: a client waits for it."""


class RedisRevocationReader:
    """A `RevocationReader`. One round trip a question."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def covers(self, identity: Identity) -> bool:
        """Return whether a key covers `identity`."""
        session = session_key(identity.session_id)
        user = user_key(identity.workspace_id, identity.user_id)
        try:
            async with asyncio.timeout(_WITHIN):
                found: list[Any] = await self._redis.mget([session, user, LOADED_KEY])
        except (RedisError, OSError) as fault:
            raise Unavailable("Redis does not answer.") from fault
        if found[0] is not None or _is_covered(identity.issued_at, found[1]):
            return True
        if found[2] is None:
            raise Unavailable("Redis has not been filled with the revocations yet.")
        return False


def _is_covered(issued_at: int, revoked_at: Any) -> bool:
    try:
        return revoked_at is not None and issued_at <= float(revoked_at)
    except ValueError:
        return True  # someone was revoked, at a time that cannot be read
