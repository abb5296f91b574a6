"""Counts of failed logins, in Redis; in this process alone while Redis is away or refuses writes."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from auth.domain.logins.sessions import digest
from common.bounded_dict import BoundedDict
from common.errors import Unavailable
from common.logs import get_logger
from common.storage.stores import redis_errors

log = get_logger(__name__)

_WITHIN = 1.0
"""Seconds for one question, a new connection and its greetings included: a login waits for it."""
_MOST_COUNTS = 10_000
"""How many are held here while Redis is away; those longest without a failure give way."""


class CountedFailures:
    """Counts in Redis that expire some time after the last failure.

    The remaining lifetime of a count tells how long ago its last failure was.
    """

    def __init__(self, redis: Redis, window: timedelta, remembered: int = _MOST_COUNTS) -> None:
        self._redis = redis
        self._window = window.total_seconds()
        self._local: BoundedDict[str, tuple[int, float]] = BoundedDict(remembered)

    async def counts(self, counted: Sequence[str]) -> Sequence[tuple[int, float]]:
        keys = [_key(name) for name in counted]
        try:
            async with self._pipeline() as pipe:
                for key in keys:
                    pipe.get(key)
                    pipe.pttl(key)
                answers = await pipe.execute()
        except Unavailable:
            return [self._seen_here(key) for key in keys]
        pairs = zip(keys, answers[::2], answers[1::2], strict=True)
        return [self._together(key, int(count or 0), left) for key, count, left in pairs]

    def _together(self, key: str, count: int, left: int) -> tuple[int, float]:
        """Add what was counted here: a Redis that refuses writes still serves reads."""
        here, since_here = self._seen_here(key)
        since = max(0.0, self._window - left / 1_000)
        return count + here, min(since, since_here) if here else since

    async def add(self, counted: Sequence[str]) -> None:
        keys = [_key(name) for name in counted]
        try:
            async with self._pipeline() as pipe:
                for key in keys:
                    pipe.incr(key)
                    pipe.pexpire(key, int(self._window * 1_000))
                await pipe.execute()
        except Unavailable as fault:
            log.warning("failed logins are counted in this process alone", reason=fault.message)
            for key in keys:
                self._count_here(key)

    async def clear(self, counted: str) -> None:
        key = _key(counted)
        self._local.pop(key, None)
        try:
            async with self._pipeline() as pipe:
                pipe.delete(key)
                await pipe.execute()
        except Unavailable as fault:
            log.warning("a count of failed logins could not be cleared", reason=fault.message)

    @contextlib.asynccontextmanager
    async def _pipeline(self) -> AsyncIterator[Pipeline]:
        with redis_errors():
            async with asyncio.timeout(_WITHIN), self._redis.pipeline(transaction=True) as pipe:
                yield pipe

    def _seen_here(self, key: str) -> tuple[int, float]:
        count, at = self._local.get(key, (0, 0.0))
        since = time.monotonic() - at
        return (count, since) if since < self._window else (0, since)

    def _count_here(self, key: str) -> None:
        count, _ = self._seen_here(key)
        self._local[key] = (count + 1, time.monotonic())


def _key(counted: str) -> str:
    return f"kasal:auth:failures:{digest(counted)}"
