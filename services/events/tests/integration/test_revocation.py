"""Revoked tokens at this door: over the bus, in Redis, and with either away."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from common.bus import encode
from common.contracts.messages import SessionRevoked
from common.contracts.topology import SESSIONS


def revoked(**who) -> SessionRevoked:
    now = datetime.now(UTC)
    return SessionRevoked(revoked_at=now, expires_at=now + timedelta(hours=1), **who)


async def ping(client, talk) -> None:
    await talk.say(client, type="ping")
    assert await talk.hear(client) == {"type": "pong"}


async def test_open_sockets_and_streams_of_a_session_end_at_once(world, make_token, talk):
    world.platform.job("job_1", events=1)
    leaving = {"Authorization": f"Bearer {make_token(session_id='ses_leaving')}"}
    async with (
        world.connect(make_token(session_id="ses_leaving")) as gone,
        world.connect(make_token(session_id="ses_staying")) as stays,
        world.running.http.get("/executions/job_1/events", headers=leaving) as stream,
    ):
        await ping(gone, talk)
        await ping(stays, talk)
        body = revoked(session_id="ses_leaving")
        await world.bus.publish(SESSIONS, body.message_type, encode(body))
        assert await talk.closed(gone) == 4401
        async with asyncio.timeout(60):
            assert (await stream.read()).count(b"data:") == 1
        await ping(stays, talk)
        async with world.connect(make_token(session_id="ses_leaving")) as again:
            assert await talk.closed(again) == 4401


async def test_a_users_older_tokens_end_and_newer_ones_hold(world, make_token, talk):
    async with world.connect(make_token(user_id="usr_1")) as old:
        await ping(old, talk)
        then = datetime.now(UTC)
        body = SessionRevoked(
            user_id="usr_1",
            workspace_id="ws_test",
            revoked_at=then,
            expires_at=then + timedelta(hours=1),
        )
        await world.bus.publish(SESSIONS, body.message_type, encode(body))
        assert await talk.closed(old) == 4401
    await talk.until(lambda: int(time.time()) > int(then.timestamp()))
    async with world.connect(make_token(user_id="usr_1")) as new:
        await ping(new, talk)


async def test_what_is_no_revocation_has_the_list_loaded_anew(world_of, talk):
    async with world_of(heads_seconds=0.05) as world, world.connect() as client:
        await ping(client, talk)
        world.platform.revocations.append(revoked(session_id="ses_test").model_dump(mode="json"))
        from common.bus import Message

        message = Message(type="session.revoked.v1", body=b"{}")
        await world.bus.publish(SESSIONS, message.type, message)
        assert await talk.closed(client) == 4401


async def test_the_list_is_loaded_on_start(world_of, platform, make_token, talk):
    platform.revocations.append(revoked(session_id="ses_old").model_dump(mode="json"))
    async with world_of() as world, world.connect(make_token(session_id="ses_old")) as client:
        assert await talk.closed(client) == 4401


async def test_keys_in_a_real_redis_are_honoured(world_of, redis_url, make_token, talk):
    async with world_of(redis_url=redis_url) as world, Redis.from_url(redis_url) as redis:
        await redis.set("kasal:revocations:loaded", 1)
        await redis.set("kasal:revoked:session:ses_gone", int(time.time()))
        await redis.set("kasal:revoked:user:ws_test:usr_gone", int(time.time()) + 1)
        await redis.set("kasal:revoked:user:ws_other:usr_test", int(time.time()) + 1)
        for token in (make_token(session_id="ses_gone"), make_token(user_id="usr_gone")):
            async with world.connect(token) as client:
                assert await talk.closed(client) == 4401
        async with world.connect() as client:
            await ping(client, talk)


async def test_with_redis_away_the_copy_decides(world_of, platform, make_token, talk):
    platform.revocations.append(revoked(session_id="ses_old").model_dump(mode="json"))
    async with world_of(redis_url="redis://127.0.0.1:1/0") as world:
        async with world.connect() as client:
            await ping(client, talk)
        async with world.connect(make_token(session_id="ses_old")) as client:
            assert await talk.closed(client) == 4401
        async with world.running.http.get("/readyz") as answer:
            assert answer.status == 503
            assert (await answer.json())["error"]["details"]["missing"] == ["redis"]
        async with world.running.http.get("/readyz?for=traffic") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "degraded")


async def test_with_redis_and_auth_away_nobody_is_let_in_but_told_to_come_back(
    world_of, platform, talk
):
    platform.away = {"revocations"}
    async with world_of(redis_url="redis://127.0.0.1:1/0", heads_seconds=0.05) as world:
        async with world.connect() as client:
            assert await talk.closed(client) == 1012
        headers = {"Authorization": f"Bearer {world.token}"}
        async with world.running.http.get("/executions/job_1/events", headers=headers) as answer:
            assert answer.status == 503
        platform.away = set()
        async with world.connect() as client:
            await ping(client, talk)
