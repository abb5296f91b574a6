"""Revocations, read from the documents they are part of, and the doors' copy of them in Redis."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

from redis.asyncio import Redis

from auth.domain.logins.revocations import user_revocation
from common.contracts.messages import SessionRevoked
from common.contracts.revocations import LOADED_KEY, session_key, user_key
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store, redis_store

_BATCH = 1_000
_WITHIN = 2.0
"""Seconds for a batch, a new connection and its greetings included: a logout waits for it."""
_KEEP_LATEST = """
if tonumber(redis.call('GET', KEYS[1]) or '0') <= tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
"""
"""New revocations arrive while a refill runs: the later one must win."""


@mongo_store
class MongoRevocations:
    """Revoked sessions, API keys and members, from the collections of each."""

    def __init__(self, database: Database) -> None:
        self._single = (database["sessions"], database["api_keys"])
        self._workspaces = database["workspaces"]

    async def list_unexpired(self, now: datetime) -> Sequence[SessionRevoked]:
        found: list[SessionRevoked] = []
        for collection in self._single:
            revoked = collection.find({"revoked_until": {"$gt": now}})
            found += [_revocation(document) async for document in revoked]
        shut_out_of = self._workspaces.find({"shut_outs.until": {"$gt": now}})
        async for workspace in shut_out_of:
            found += [
                user_revocation(workspace["_id"], out["user_id"], out["at"], out["until"])
                for out in workspace["shut_outs"]
                if out["until"] > now
            ]
        return found


def _revocation(document: Document) -> SessionRevoked:
    return SessionRevoked(
        session_id=document["_id"],
        revoked_at=document["revoked_at"],
        expires_at=document["revoked_until"],
    )


@redis_store
class RedisRevocations:
    """The revocations in Redis, under the keys of docs/reference/internal-api.md.

    Its methods raise `Unavailable` while Redis is away.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def write(self, revocations: Sequence[SessionRevoked]) -> None:
        """Write revocations; those that have expired are left out."""
        for start in range(0, len(revocations), _BATCH):
            async with asyncio.timeout(_WITHIN), self._redis.pipeline(transaction=False) as pipe:
                for revocation in revocations[start : start + _BATCH]:
                    left = round(revocation.expires_at.timestamp() - time.time())
                    if left > 0:
                        at = int(revocation.revoked_at.timestamp())
                        pipe.eval(_KEEP_LATEST, 1, _key(revocation), at, left)
                await pipe.execute()

    async def loaded(self) -> bool:
        """Say whether this Redis has been filled since it was last empty."""
        async with asyncio.timeout(_WITHIN):
            return bool(await self._redis.exists(LOADED_KEY))

    async def mark_loaded(self) -> None:
        async with asyncio.timeout(_WITHIN):
            await self._redis.set(LOADED_KEY, "1")


def _key(revocation: SessionRevoked) -> str:
    if revocation.session_id is not None:
        return session_key(revocation.session_id)
    return user_key(str(revocation.workspace_id), str(revocation.user_id))
