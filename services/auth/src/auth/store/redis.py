"""What auth keeps in Redis: the doors' copy of the revocations, and counts of failed logins."""

import contextlib
import time
from collections.abc import AsyncIterator, Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from auth.domain.sessions import hashed
from common.contracts.messages import SessionRevoked
from common.errors import Unavailable
from common.logs import get_logger

log = get_logger(__name__)

_LOADED = "kasal:revocations:loaded"
_WINDOW = 900
"""Seconds for which failed logins are counted."""
_MOST_ACCOUNTS = 10_000


class RevocationCopy:
    """The revocations in Redis, under the keys of docs/reference/internal-api.md.

    Its methods raise `Unavailable` while Redis is away.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def write(self, revocations: Iterable[SessionRevoked]) -> None:
        """Write revocations; those that have expired are left out."""
        async with _reached(), self._redis.pipeline(transaction=False) as pipe:
            for revocation in revocations:
                left = round(revocation.expires_at.timestamp() - time.time())
                if left > 0:
                    pipe.set(_key(revocation), int(revocation.revoked_at.timestamp()), ex=left)
            await pipe.execute()

    async def loaded(self) -> bool:
        """Say whether this Redis has been filled since it was last empty."""
        async with _reached():
            return bool(await self._redis.exists(_LOADED))

    async def mark_loaded(self) -> None:
        async with _reached():
            await self._redis.set(_LOADED, "1")


@contextlib.asynccontextmanager
async def _reached() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as fault:
        raise Unavailable(f"Redis does not answer: {fault}") from fault


def _key(revocation: SessionRevoked) -> str:
    if revocation.session_id is not None:
        return f"kasal:revoked:session:{revocation.session_id}"
    return f"kasal:revoked:user:{revocation.workspace_id}:{revocation.user_id}"


class CountedFailures:
    """Failed logins by account, in Redis; in this process alone while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._local: dict[str, tuple[int, float]] = {}

    async def count(self, account: str) -> tuple[int, float]:
        key = _failures_key(account)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.get(key)
                pipe.ttl(key)
                count, left = await pipe.execute()
        except (RedisError, OSError):
            count, until = self._local.get(key, (0, 0.0))
            left = until - time.monotonic()
            return (count, left) if left > 0 else (0, 0.0)
        return int(count or 0), max(1.0, float(left))

    async def add(self, account: str) -> None:
        key = _failures_key(account)
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.incr(key)
                pipe.expire(key, _WINDOW, nx=True)
                await pipe.execute()
        except (RedisError, OSError) as fault:
            log.warning("failed logins are counted in this process alone", reason=str(fault))
            self._count_here(key)

    def _count_here(self, key: str) -> None:
        now = time.monotonic()
        if len(self._local) >= _MOST_ACCOUNTS:
            self._local = {k: entry for k, entry in self._local.items() if entry[1] > now}
        count, until = self._local.get(key, (0, 0.0))
        self._local[key] = (count + 1, until) if until > now else (1, now + _WINDOW)

    async def clear(self, account: str) -> None:
        key = _failures_key(account)
        self._local.pop(key, None)
        try:
            await self._redis.delete(key)
        except (RedisError, OSError) as fault:
            log.warning("a count of failed logins could not be cleared", reason=str(fault))


def _failures_key(account: str) -> str:
    return f"kasal:auth:failures:{hashed(account)}"
