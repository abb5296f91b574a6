"""Failed logins are counted whatever Redis answers: a full one, a replica, one that cannot save or loads."""

from datetime import timedelta

import pytest
from redis.exceptions import RedisError

from auth.domain.logins.revocations import session_revocation
from auth.store.failures import CountedFailures
from auth.store.revocations import RedisRevocations
from common.backends import Backends, takes_writes
from common.errors import Unavailable
from common.settings import RedisSettings
from common.times import utc_now
from devkit.refusing_redis import FAULTS, heal, loading_redis, private_redis

WINDOW = timedelta(seconds=100)


def client_of(url):
    return Backends().redis(RedisSettings(redis_url=url))


async def counted(failures):
    [(count, since)] = await failures.counts(["a"])
    assert since < WINDOW.total_seconds() + 1
    return count


@pytest.mark.parametrize("fault", FAULTS)
async def test_failures_count_while_redis_refuses_and_together_with_its_own_after_it(
    tmp_path, fault
):
    async with private_redis(tmp_path) as url, client_of(url) as redis:
        failures = CountedFailures(redis, WINDOW)
        await failures.add(["a"])
        await FAULTS[fault](redis, tmp_path)
        with pytest.raises(RedisError):
            await redis.set("a", "b")
        for _ in range(3):
            await failures.add(["a"])
        assert await counted(failures) >= 3, "a guesser's count did not grow"
        with pytest.raises(Unavailable):
            await RedisRevocations(redis).write([session_revocation("ses_1", utc_now())])
        with pytest.raises(RedisError):
            await takes_writes(redis)
        await heal(redis)
        await takes_writes(redis)
        await failures.add(["a"])
        assert await counted(failures) >= 4


async def test_nobody_waits_for_a_redis_that_loads_its_data(tmp_path):
    async with loading_redis(tmp_path) as url, client_of(url) as redis:
        failures = CountedFailures(redis, WINDOW)
        await failures.add(["a"])
        assert await counted(failures) == 1
        with pytest.raises(RedisError, match="loading"):  # still: nobody has waited for its end
            await takes_writes(redis)
