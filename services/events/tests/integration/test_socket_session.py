"""Who may open a WebSocket, and for how long.

Covers: events.routes.caller
"""

import pytest
from websockets.asyncio.client import connect


async def test_a_token_by_subprotocol(world, talk):
    offered = ["kasal.v1", f"bearer.{world.token}"]
    async with connect(world.url, subprotocols=offered) as client:
        assert client.subprotocol == "kasal.v1"
        await talk.say(client, type="ping")
        assert await talk.hear(client) == {"type": "pong"}


async def test_a_token_by_first_message(world, talk):
    async with connect(world.url) as client:
        await talk.say(client, type="authenticate", token=world.token)
        await talk.say(client, type="ping")
        assert await talk.hear(client) == {"type": "pong"}


@pytest.mark.parametrize("token", ["nonsense", "", "a.b.c", "ключ", "x" * 9_000])
async def test_bad_tokens_close_with_4401(world, talk, token):
    async with connect(world.url) as client:
        await talk.say(client, type="authenticate", token=token)
        assert await talk.closed(client) == 4401


async def test_no_token_in_the_first_message_closes_with_4401(world, talk):
    async with connect(world.url) as client:
        await talk.say(client, type="subscribe", job_id="job_1")
        assert (await talk.hear(client))["code"] == "UNAUTHORIZED"
        assert await talk.closed(client) == 4401
    async with connect(world.url, subprotocols=["kasal.v1", "bearer.bad"]) as client:
        assert client.subprotocol == "kasal.v1"
        assert await talk.closed(client) == 4401


async def test_service_tokens_and_expired_ones_are_refused(world, make_token, talk):
    for token in (make_token(kind="service"), make_token(expires_in=-100)):
        async with world.connect(token) as client:
            assert await talk.closed(client) == 4401


async def test_no_token_in_time_closes_with_4408(world_of, talk):
    async with world_of(authenticate_seconds=0.05) as world, connect(world.url) as client:
        assert await talk.closed(client) == 4408


async def test_the_socket_ends_with_its_token_unless_renewed(world, make_token, talk, ends):
    async with (
        world.connect(make_token(expires_in=1_800)) as short,
        world.connect(make_token(expires_in=1_800)) as renewed,
    ):
        await talk.say(short, type="ping")
        assert await talk.hear(short) == {"type": "pong"}
        await talk.say(renewed, type="authenticate", token=world.token)
        await talk.say(renewed, type="authenticate", token=make_token(user_id="usr_other"))
        assert (await talk.hear(renewed))["code"] == "VALIDATION_ERROR"
        ends.pass_time(1_900)
        assert await talk.closed(short) == 4401
        await talk.say(renewed, type="ping")
        assert await talk.hear(renewed) == {"type": "pong"}


async def test_an_api_key_is_exchanged_once_for_many_and_again_when_its_jwt_ends(world, talk):
    world.platform.opaque["SANDBOX_TOKEN"] = iter((1, 3_600))
    async with world.connect("SANDBOX_TOKEN") as client:
        await talk.say(client, type="ping")
        assert await talk.hear(client) == {"type": "pong"}
        await talk.until(lambda: world.platform.asked.count("exchange") == 2)
        async with world.connect("SANDBOX_TOKEN") as second:
            await talk.say(second, type="ping")
            assert await talk.hear(second) == {"type": "pong"}
        assert world.platform.asked.count("exchange") == 2
        await talk.say(client, type="ping")
        assert await talk.hear(client) == {"type": "pong"}


async def test_an_api_key_that_is_gone_ends_the_socket(world, talk):
    world.platform.opaque["kasal_key"] = iter((1,))
    async with world.connect("kasal_key") as client:
        assert await talk.closed(client) == 4401


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "https://evil.example"}, 4403),
        ({"Origin": "null"}, 4403),
        ({"Origin": "https://friend.example"}, None),
        ({"Origin": "https://app.example", "X-Forwarded-Host": "app.example"}, None),
    ],
)
async def test_origins(world_of, talk, headers, code):
    async with (
        world_of(allowed_origins="https://friend.example/") as world,
        world.connect(headers=headers) as client,
    ):
        if code is not None:
            assert await talk.closed(client) == code
            return
        await talk.say(client, type="ping")
        assert await talk.hear(client) == {"type": "pong"}


async def test_an_address_may_guess_only_so_many_tokens(world_of, talk):
    async with world_of(refused_token_limit=3) as world:
        there = {"X-Forwarded-For": "203.0.113.7"}
        for guess, code in (("a", 4401), ("b", 4401), ("c", 4401), ("d", 4429)):
            async with world.connect(f"kasal_{guess}", headers=there) as client:
                assert await talk.closed(client) == code
        assert world.platform.asked.count("exchange") == 3
        stream = f"{world.running.url}/executions/job_1/events"
        headers = {"Authorization": "Bearer kasal_e", **there}
        async with world.running.http.get(stream, headers=headers) as answer:
            assert answer.status == 429
            assert answer.headers["Retry-After"] == "60"
        async with world.connect("kasal_f", headers={"X-Forwarded-For": "203.0.113.8"}) as client:
            assert await talk.closed(client) == 4401, "another address has its own"
        headers = [("Authorization", "Bearer kasal_g"), ("X-Forwarded-For", "203.0.113.9")]
        headers.append(("X-Forwarded-For", "203.0.113.7"))  # what the proxy adds comes last
        async with world.running.http.get(stream, headers=headers) as answer:
            assert answer.status == 429, "an address that the client claims does not count"
        async with world.connect(headers=there) as client:
            await talk.say(client, type="ping")
            assert await talk.hear(client) == {"type": "pong"}
