"""Which keys a call to Redis names: of one slot of a Redis Cluster, or of several."""

import asyncio

import pytest
from opentelemetry.metrics import NoOpMeterProvider
from redis.crc import key_slot

from common.identity import Identity, Role
from gateway.domain.windows import RateLimits
from gateway.store.counters import RedisCounters


class Redis:
    """Takes down the keys of each script call."""

    def __init__(self):
        self.calls = []

    def register_script(self, _):
        async def call(keys, args):
            self.calls.append(keys)
            requests = (len(keys) - 1) // 3
            return " ".join(["0", "1"] + ["0", "1", *"000000"] * requests)

        return call


@pytest.fixture
async def redis():
    redis = Redis()
    counters = RedisCounters(redis, NoOpMeterProvider().get_meter("test"))
    running = asyncio.create_task(counters.run())
    limits = RateLimits(per_hour=10, per_minute=10)
    who = Identity("usr_1", "ws_1", Role.OWNER, "ses_1", 1, 2)
    await counters.check("kasal:rate:ws_1", limits, who)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return redis


async def test_a_request_names_keys_of_several_slots_so_the_doors_need_one_redis(redis):
    """docs/how-to/scale.md says so: Redis Cluster refuses such a script. What changes this, changes that."""
    [keys] = redis.calls
    assert len(keys) == 4
    assert len({key_slot(key.encode()) for key in keys}) > 1
    assert not any("{" in key for key in keys)
