"""The revocations in Redis, in each form of it."""

import time

import pytest

from common.backends import Backends
from common.contracts.revocations import LOADED_KEY, session_key, user_key
from common.door.store import RedisRevocationReader
from common.errors import Unavailable
from common.identity import Identity, Role
from common.settings import RedisSettings
from kasal_platform.embedded.backends import InProcessBackends


@pytest.fixture(params=["memory", "redis"])
async def redis(request):
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    async with InProcessBackends().redis(RedisSettings(redis_url=url)) as client:
        yield client


def who(session_id="ses_1", user_id="usr_1", workspace_id="ws_1", issued_at=0) -> Identity:
    return Identity(user_id, workspace_id, Role.VIEWER, session_id, issued_at, 2**40)


async def test_a_key_covers_a_session_or_a_users_older_tokens(redis):
    reader = RedisRevocationReader(redis)
    now = int(time.time())
    await redis.set(LOADED_KEY, 1)
    await redis.set(session_key("ses_gone"), now)
    await redis.set(user_key("ws_1", "usr_gone"), now)
    await redis.set(user_key("ws_1", "usr_unreadable"), "yesterday")
    assert await reader.covers(who("ses_gone", issued_at=now + 5))
    assert await reader.covers(who(user_id="usr_gone", issued_at=now))
    assert await reader.covers(who(user_id="usr_unreadable", issued_at=now))
    assert not await reader.covers(who(user_id="usr_gone", issued_at=now + 1))
    assert not await reader.covers(who(user_id="usr_gone", workspace_id="ws_2"))
    assert not await reader.covers(who())


async def test_a_redis_that_auth_has_not_filled_knows_only_whom_it_names(redis):
    await redis.delete(LOADED_KEY)
    reader = RedisRevocationReader(redis)
    with pytest.raises(Unavailable, match="filled"):
        await reader.covers(who("ses_any"))
    await redis.set(session_key("ses_gone"), 1)
    assert await reader.covers(who("ses_gone"))


async def test_a_redis_that_does_not_answer_is_unavailable():
    async with Backends().redis(RedisSettings(redis_url="redis://127.0.0.1:1/0")) as nowhere:
        with pytest.raises(Unavailable):
            await RedisRevocationReader(nowhere).covers(who())
