"""Revocations on their way to the doors: database, Redis, bus - and each of them away.

Covers: auth.routes.internal
"""

import asyncio
import socket
import time
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from auth.domain.logins.revocations import REVOKED_FOR, session_revocation, user_revocation
from auth.domain.logins.sessions import open_session
from auth.domain.tokens.api_keys import new_api_key
from auth.domain.tokens.signing import new_signing_key
from auth.store import passwords as passwords_store
from auth.store.api_keys import MongoApiKeys
from auth.store.failures import CountedFailures
from auth.store.migrations import indexes
from auth.store.passwords import Argon2Passwords
from auth.store.revocations import MongoRevocations, RedisRevocations
from auth.store.sessions import MongoSessions
from auth.store.signing import MongoSigningKeys
from common.backends import Backends
from common.bus import decode
from common.contracts.messages import SessionRevoked
from common.contracts.topology import SESSIONS
from common.errors import Unavailable
from common.identity import Role
from common.security.sealing import CannotOpen, Sealer
from common.settings import BusSettings
from common.times import utc_now


@pytest.fixture
async def redis(redis_url):
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def sessions_bus(amqp_url, telemetry):
    """What a door hears over the bus, as a queue."""
    bus = Backends().bus(BusSettings(amqp_url=amqp_url), telemetry)
    heard: asyncio.Queue[SessionRevoked] = asyncio.Queue()

    async def hear(message):
        heard.put_nowait(decode(message, SessionRevoked))

    await bus.start()
    await bus.subscribe(SESSIONS, hear)
    yield heard
    await bus.close()


@pytest.fixture
def nowhere():
    """A loopback port that refuses connections for as long as the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


async def held_by(redis, key, want=True):
    async with asyncio.timeout(60):
        while bool(await redis.exists(key)) is not want:  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0.02)
    return await redis.get(key)


async def test_a_logout_is_in_the_database_in_redis_and_on_the_bus(client, redis, sessions_bus):
    token = await client.owner()
    before = int(time.time())
    await client.call("POST", "/auth/logout", token=token, expect=204)

    (listed,) = await client.revocations()
    key = f"kasal:revoked:session:{listed['session_id']}"
    assert before <= int(await redis.get(key)) <= time.time()
    assert 86_400 <= await redis.ttl(key) <= REVOKED_FOR.total_seconds()
    assert await redis.get("kasal:revocations:loaded") == "1"
    assert await redis.ttl("kasal:revocations:loaded") == -1
    heard = await asyncio.wait_for(sessions_bus.get(), 60)
    assert heard == SessionRevoked.model_validate(listed)


async def test_a_redis_that_lost_everything_is_filled_again(client, redis):
    await client.call("POST", "/auth/logout", token=await client.owner(), expect=204)
    (listed,) = await client.revocations()
    await held_by(redis, "kasal:revocations:loaded")
    await redis.flushdb()
    await held_by(redis, "kasal:revocations:loaded")
    assert await redis.exists(f"kasal:revoked:session:{listed['session_id']}")


async def test_a_start_fills_redis_from_the_database(start, redis):
    async with start() as client:
        await client.call("POST", "/auth/logout", token=await client.owner(), expect=204)
        (listed,) = await client.revocations()
    await redis.flushdb()
    async with start():
        await held_by(redis, "kasal:revocations:loaded")
    assert await redis.exists(f"kasal:revoked:session:{listed['session_id']}")


async def test_with_redis_away_people_log_in_and_out_and_guesses_are_counted(start, nowhere):
    async with start(redis_url=f"redis://127.0.0.1:{nowhere}/0") as client:
        token = await client.owner()
        await client.call("POST", "/auth/logout", token=token, expect=204)
        assert len(await client.revocations()) == 1
        body = {"email": "other@example.com", "password": "wrong"}
        for _ in range(10):
            await client.call("POST", "/auth/login", body, expect=401)
        await client.call("POST", "/auth/login", body, expect=429)
        told = await client.call("GET", "/readyz", expect=503)
        assert told["error"]["details"]["missing"] == ["redis"]
        assert (await client.call("GET", "/readyz?for=traffic"))["status"] == "degraded"


async def test_with_the_bus_away_a_logout_reaches_redis_and_the_database(start, redis, nowhere):
    async with start(amqp_url=f"amqp://127.0.0.1:{nowhere}/") as client:
        await client.call("POST", "/auth/logout", token=await client.owner(), expect=204)
        (listed,) = await client.revocations()
        assert await redis.exists(f"kasal:revoked:session:{listed['session_id']}")
        assert (await client.call("GET", "/readyz?for=traffic"))["checks"]["bus"] == "missing"


async def test_an_older_revocation_does_not_replace_a_newer_one(redis):
    now = utc_now()
    copy = RedisRevocations(redis)
    second = int(now.timestamp())
    newer = user_revocation("ws_1", "usr_1", second, now + REVOKED_FOR)
    older = user_revocation("ws_1", "usr_1", second - 5, now + REVOKED_FOR)
    await copy.write([newer])
    await copy.write([older])
    assert await redis.get("kasal:revoked:user:ws_1:usr_1") == str(second)


async def test_thousands_of_revocations_are_written_and_expired_ones_are_not(redis):
    now = utc_now()
    many = [session_revocation(f"ses_{number}", now) for number in range(2_500)]
    expired = session_revocation("ses_expired", now - REVOKED_FOR - timedelta(seconds=1))
    await RedisRevocations(redis).write([*many, expired])
    assert await redis.dbsize() == 2_500


async def test_failures_are_counted_and_forgotten_a_while_after_the_last(redis):
    failures = CountedFailures(redis, timedelta(seconds=1_000))
    for number in range(3):
        assert [count for count, _ in await failures.counts(["a", "b"])] == [number, 2 * number]
        await failures.add(["a", "b"])
        await failures.add(["b"])
    ((count, since), _) = await failures.counts(["a", "b"])
    assert (count, 0 <= since < 300) == (3, True)
    for key in await redis.keys("*"):
        assert 700 < await redis.ttl(key) <= 1_000
        await redis.pexpire(key, 400_000)
    assert 600 <= (await failures.counts(["a"]))[0][1] < 900
    await failures.clear("a")
    await failures.clear("b")
    assert [count for count, _ in await failures.counts(["a", "b"])] == [0, 0]
    assert await redis.keys("*") == []


async def test_without_redis_failures_are_counted_here_and_the_counts_are_bounded():
    away = Redis.from_url("redis://127.0.0.1:1", retry=None)
    failures = CountedFailures(away, timedelta(seconds=100), remembered=3)
    for one in ("a", "b", "c", "a", "d"):
        await failures.add([one])
    seen = await failures.counts(["a", "b", "c", "d"])
    assert [count for count, _ in seen] == [2, 0, 1, 1]
    assert all(since < 5 for count, since in seen if count)
    await failures.clear("a")
    assert (await failures.counts(["a"]))[0][0] == 0
    await away.aclose()


async def test_what_is_revoked_is_told_until_it_has_expired(store_database):
    held = store_database("auth")
    sessions, keys, revocations = MongoSessions(held), MongoApiKeys(held), MongoRevocations(held)
    await indexes(held)
    now = utc_now()
    session, _ = open_session("usr_1", "ws_1", now, timedelta(seconds=300))
    key, _ = new_api_key("ws_1", "usr_1", "ci", Role.EDITOR, now)
    await sessions.add(session)
    await keys.add(key)
    assert await revocations.list_unexpired(now) == []

    await sessions.revoke(session.id, now)
    await sessions.revoke(session.id, now + timedelta(hours=1))
    assert await keys.revoke("ws_1", key.id, now)
    assert not await keys.revoke("ws_1", key.id, now)

    told = await revocations.list_unexpired(now + REVOKED_FOR - timedelta(seconds=1))
    assert {one.session_id for one in told} == {session.id, key.id}
    assert {(one.revoked_at, one.expires_at) for one in told} == {(now, now + REVOKED_FOR)}
    assert await revocations.list_unexpired(now + REVOKED_FOR) == []
    after = await sessions.find(session.id)
    assert (after.revoked_at, after.expires_at) == (now, now + REVOKED_FOR)


async def test_a_private_key_is_sealed_and_opens_only_under_the_same_secret(store_database):
    held = store_database("auth")
    store = MongoSigningKeys(held, Sealer("the right secret key", "signing-keys"))
    await indexes(held)
    key = new_signing_key(1, utc_now())
    assert await store.add(key)
    assert not await store.add(new_signing_key(1, utc_now()))

    (read,) = await store.all()
    assert read.private.private_numbers() == key.private.private_numbers()
    document = await held["signing_keys"].find_one({})
    number = key.private.private_numbers().private_value.to_bytes(32, "big")
    assert number not in document["private"]
    other = MongoSigningKeys(held, Sealer("another secret key!", "signing-keys"))
    with pytest.raises(CannotOpen, match="KASAL_SECRET_KEY"):
        await other.all()


async def test_passwords_are_argon2id_and_checked_off_the_loop():
    passwords = Argon2Passwords()
    digest = await passwords.hash("secure_password")
    assert digest.startswith("$argon2id$")
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    assert await passwords.matches("secure_password", digest)
    assert not await passwords.matches("secure_passwore", digest)
    assert not await passwords.matches("secure_password", None)
    ticking.cancel()
    assert ticks > 10


async def test_only_so_many_passwords_wait_to_be_checked(monkeypatch):
    monkeypatch.setattr(passwords_store, "MOST_WAITING", 4)
    passwords = Argon2Passwords()
    digest = await passwords.hash("secure_password")
    await passwords.matches("wrong", None)
    checks = [passwords.matches("secure_password", digest) for _ in range(7)]
    told = await asyncio.gather(*checks, return_exceptions=True)
    assert told.count(True) == 4
    assert [type(one) for one in told].count(Unavailable) == 3
    assert await passwords.matches("secure_password", digest)
