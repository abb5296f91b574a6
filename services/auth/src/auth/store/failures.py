"""Counts of failed logins, in Redis; in this process alone while Redis is away."""

import time
from collections import OrderedDict
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from auth.domain.sessions import hashed
from common.logs import get_logger

log = get_logger(__name__)

_MOST_ACCOUNTS = 10_000
"""How many are counted here while Redis is away; the oldest counts give way."""


class CountedFailures:
    """Failed logins by account."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._local: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def count(self, account: str) -> tuple[int, float]:
        key = _key(account)
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.get(key)
                pipe.ttl(key)
                count, left = await pipe.execute()
        except (RedisError, OSError):
            return self._counted_here(key)
        return int(count or 0), max(1.0, float(left))

    async def add(self, account: str, window: timedelta) -> None:
        key = _key(account)
        seconds = int(window.total_seconds())
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                # Not EXPIRE … NX, which Redis has only since 7.0.
                pipe.set(key, 0, ex=seconds, nx=True)
                pipe.incr(key)
                await pipe.execute()
        except (RedisError, OSError) as fault:
            log.warning("failed logins are counted in this process alone", reason=str(fault))
            self._count_here(key, seconds)

    async def clear(self, account: str) -> None:
        key = _key(account)
        self._local.pop(key, None)
        try:
            await self._redis.delete(key)
        except (RedisError, OSError) as fault:
            log.warning("a count of failed logins could not be cleared", reason=str(fault))

    def _counted_here(self, key: str) -> tuple[int, float]:
        count, until = self._local.get(key, (0, 0.0))
        left = until - time.monotonic()
        return (count, left) if left > 0 else (0, 0.0)

    def _count_here(self, key: str, seconds: int) -> None:
        count, left = self._counted_here(key)
        until = time.monotonic() + (left if count else seconds)
        self._local[key] = (count + 1, until)
        if len(self._local) > _MOST_ACCOUNTS:
            self._local.popitem(last=False)


def _key(account: str) -> str:
    return f"kasal:auth:failures:{hashed(account)}"
