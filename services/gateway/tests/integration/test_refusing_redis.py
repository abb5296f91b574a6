"""The gateway counts by itself whatever Redis refuses, and does not take a PONG for an end of that."""

import asyncio

import pytest
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from common.backends import Backends, takes_writes
from common.settings import RedisSettings
from devkit.refusing_redis import FAULTS, heal, loading_redis, private_redis
from gateway.domain.windows import RateLimits
from gateway.store.counters import RedisCounters

LIMITS = RateLimits(per_hour=1_000, per_minute=100)


class Counting:
    """A gateway's counters over a Redis, with what they said of it."""

    def __init__(self, redis, telemetry):
        self.counters = RedisCounters(redis, telemetry.meter)
        self.changed = asyncio.Event()
        self.counters.on_change = self.changed.set

    async def __aenter__(self):
        self._running = asyncio.create_task(self.counters.run())
        return self

    async def __aexit__(self, *_):
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def take(self):
        return await self.counters.check("kasal:rate:ws_1", LIMITS, None)


def client_of(url):
    return Backends().redis(RedisSettings(redis_url=url))


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_refusing_redis_is_away_until_it_takes_counts_again(tmp_path, telemetry, fault):
    async with (
        private_redis(tmp_path) as url,
        client_of(url) as redis,
        Counting(redis, telemetry) as door,
    ):
        assert (await door.take()).admitted
        await FAULTS[fault](redis, tmp_path)
        with capture_logs() as lines:
            assert await door.take() is None
            with pytest.raises(RedisError):
                await door.counters.ping()
            for _ in range(3):  # one look and more
                await asyncio.sleep(0.3)
                assert await door.take() is None
        assert [line["event"] for line in lines] == [
            "redis is away: counting and checking alone"
        ], "it was taken for back"
        door.changed.clear()
        await heal(redis)
        async with asyncio.timeout(60):
            await door.changed.wait()
        assert (await door.take()).admitted


async def test_no_request_waits_for_a_redis_that_loads_its_data(tmp_path, telemetry):
    async with (
        loading_redis(tmp_path) as url,
        client_of(url) as redis,
        Counting(redis, telemetry) as door,
    ):
        assert await door.take() is None
        with pytest.raises(RedisError, match="loading"):  # still: nobody has waited for its end
            await takes_writes(redis)
