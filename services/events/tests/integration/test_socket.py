"""The WebSocket as its clients see it, over a real connection.

Covers: events.peers.executions, events.routes.subscriptions
"""

import json

import pytest
from websockets.asyncio.client import connect

from devkit.raw import raw_socket


async def test_the_seeds_client_sees_stored_and_live_events_joined(world, talk):
    world.platform.job("job_qwerty123", events=3)
    async with world.connect() as client:
        await talk.say(client, type="subscribe", job_id="job_qwerty123")
        first = await talk.hear(client)
        assert first == {
            "type": "subscribed",
            "job_id": "job_qwerty123",
            "status": "running",
            "last_seq": 3,
        }
        assert [(await talk.hear(client))["seq"] for _ in range(3)] == [1, 2, 3]
        message = await world.emit(
            "job_qwerty123", "task_start", agent="Ä 漢字", task_id="task_001"
        )
        assert await client.recv(decode=False) == message.body, "byte for byte"
        await world.emit("job_qwerty123", "execution_complete", result="done")
        assert (await talk.hear(client))["type"] == "execution_complete"
        await talk.say(client, type="ping")
        assert await talk.hear(client) == {"type": "pong"}


@pytest.mark.parametrize("path", ["/v1/ws", "/api/v1/ws"])
async def test_an_ingress_may_lead_here_with_the_public_path(world, talk, path):
    headers = {"Authorization": f"Bearer {world.token}"}
    url = world.url.removesuffix("/ws") + path
    async with connect(url, additional_headers=headers) as client:
        await talk.say(client, type="ping")
        assert await talk.hear(client) == {"type": "pong"}


async def test_after_seq_resumes_and_a_finished_job_replays_to_its_end(world, talk):
    world.platform.job("job_1", events=450)
    world.platform.append("job_1", "execution_stopped", reason="asked")
    async with world.connect() as client:
        await talk.say(client, type="subscribe", job_id="job_1", after_seq=7)
        heard = await talk.hear_end(client)
    assert heard[0] == {
        "type": "subscribed",
        "job_id": "job_1",
        "status": "stopped",
        "last_seq": 451,
    }
    assert [frame["seq"] for frame in heard[1:]] == list(range(8, 452))


async def test_a_client_that_has_the_end_is_told_so_and_nothing_else(world, talk):
    world.platform.job("job_1", events=1)
    world.platform.append("job_1", "error", message="Rate limit exceeded", code="RATE_LIMIT")
    async with world.connect() as client:
        await talk.say(client, type="subscribe", job_id="job_1", after_seq=2)
        assert (await talk.hear(client))["status"] == "failed"
        await talk.say(client, type="ping")
        assert await talk.hear(client) == {"type": "pong"}
        await talk.say(client, type="subscribe", job_id="job_1", after_seq=3)
        refused = await talk.hear(client)
    assert refused["code"] == "VALIDATION_ERROR"
    assert refused["job_id"] == "job_1"
    assert refused["details"]["field"] == "after_seq"
    assert "seq" not in refused


async def test_subscribing_again_starts_anew_and_unsubscribing_ends(world, talk):
    world.platform.job("job_1", events=2)
    async with world.connect() as client:
        for _ in range(2):
            await talk.say(client, type="subscribe", job_id="job_1", after_seq=1)
            assert (await talk.hear(client))["type"] == "subscribed"
            assert (await talk.hear(client))["seq"] == 2
        await talk.say(client, type="unsubscribe", job_id="job_1")
        assert await talk.hear(client) == {"type": "unsubscribed", "job_id": "job_1"}
        await world.emit("job_1")
        await talk.say(client, type="unsubscribe", job_id="job_unknown")
        assert await talk.hear(client) == {"type": "unsubscribed", "job_id": "job_unknown"}


async def test_other_workspaces_jobs_are_not_there(world, talk):
    world.platform.job("job_theirs", workspace_id="ws_other", events=1)
    async with world.connect() as client:
        for job_id in ("job_theirs", "job_unknown", "job_.#", "*", "../head", "job_1\n"):
            await talk.say(client, type="subscribe", job_id=job_id)
            heard = await talk.hear(client)
            assert (heard["type"], heard["code"], heard["job_id"]) == ("error", "NOT_FOUND", job_id)
            assert "seq" not in heard


BAD = [
    "",
    "null",
    "[]",
    "1e999",
    '"subscribe"',
    "{",
    "{}",
    '{"type": 1}',
    '{"type": "shout"}',
    '{"type": ["subscribe"]}',
    '{"type": {}, "job_id": {}}',
    '{"type": "subscribe"}',
    '{"type": "subscribe", "job_id": 5}',
    '{"type": "subscribe", "job_id": ""}',
    '{"type": "subscribe", "job_id": "\\ud800"}',
    '{"type": "subscribe", "job_id": "job_1", "after_seq": -1}',
    '{"type": "subscribe", "job_id": "job_1", "after_seq": true}',
    '{"type": "subscribe", "job_id": "job_1", "after_seq": "1"}',
    '{"type": "subscribe", "job_id": "job_1", "after_seq": 1.5}',
    '{"type": "subscribe", "job_id": "job_1", "after_seq": 1%s}' % ("0" * 400),
    '{"type": "subscribe", "job_id": "%s"}' % ("j" * 201),
    "[" * 15_000,
    '{"type":' * 1_900,
    '{"type": "ping", "pad": "%s"}' % ("x" * 20_000),
    b"\x00\xff\x00",
    b'{"type": "ping"}',
]


async def test_bad_frames_are_answered_and_do_not_close_the_socket(world, talk):
    async with world.connect() as client:
        for bad in BAD:
            await client.send(bad)
            heard = await talk.hear(client)
            assert (heard["type"], heard["code"]) == ("error", "VALIDATION_ERROR"), bad
            assert "seq" not in heard
        await talk.say(client, type="ping", more="fields")
        assert await talk.hear(client) == {"type": "pong"}


async def test_a_frame_over_the_servers_limit_closes_only_that_socket(world, talk):
    async with world.connect() as other, world.connect() as client:
        await client.send("x" * 70_000)
        assert await talk.closed(client) == 1009
        await talk.say(other, type="ping")
        assert await talk.hear(other) == {"type": "pong"}


async def test_a_lost_message_is_found_by_the_heads(world_of, talk):
    async with world_of(heads_seconds=0.1) as world:
        world.platform.job("job_1", events=1)
        async with world.connect() as client:
            await talk.say(client, type="subscribe", job_id="job_1")
            assert [(await talk.hear(client)).get("seq") for _ in range(2)] == [None, 1]
            world.platform.append("job_1")
            assert (await talk.hear(client))["seq"] == 2
            world.platform.append("job_1")
            await world.emit("job_1", "execution_complete")
            assert [(await talk.hear(client))["seq"] for _ in range(2)] == [3, 4]
            assert world.metric("kasal_events_gaps_healed_total") >= 1


async def test_a_store_that_is_away_delays_and_loses_nothing(world_of, talk):
    async with world_of(heads_seconds=0.1) as world:
        world.platform.job("job_1", events=1)
        async with world.connect() as client:
            await talk.say(client, type="subscribe", job_id="job_1")
            assert [(await talk.hear(client)).get("seq") for _ in range(2)] == [None, 1]
            world.platform.away = {"events", "heads"}
            world.platform.append("job_1")
            await world.emit("job_1", "execution_complete")
            await talk.say(client, type="subscribe", job_id="job_1")
            assert (await talk.hear(client))["code"] == "SERVICE_UNAVAILABLE"
            world.platform.away = set()
            await talk.say(client, type="subscribe", job_id="job_1", after_seq=1)
            heard = await talk.hear_end(client)
        assert [frame["seq"] for frame in heard if "seq" in frame] == [2, 3]


async def test_what_is_not_an_event_on_the_bus_is_passed_over(world, talk):
    from common.bus import Message
    from common.contracts.topology import EVENTS

    world.platform.job("job_1")
    async with world.connect() as client:
        await talk.say(client, type="subscribe", job_id="job_1")
        await talk.hear(client)
        for body in (
            b"",
            b"\xff",
            b"[]",
            b'{"seq": 1}',
            b'{"seq":"1","type":"x","job_id":"job_1"}',
        ):
            message = Message(type="trace.event.v1", body=body)
            await world.bus.publish(EVENTS, "ws_test.job_1.progress", message)
        await world.emit("job_1", "execution_start", crew="c", tasks_count=1)
        assert (await talk.hear(client))["seq"] == 1


async def test_stopping_tells_clients_to_come_back(world_of, talk, platform):
    platform.job("job_1")
    async with world_of() as world:
        client = await world.connect()
        await talk.say(client, type="subscribe", job_id="job_1")
        await talk.hear(client)
    assert await talk.closed(client) == 1012


async def test_the_last_watcher_unbinds(world, talk):
    world.platform.job("job_1", events=1)
    async with world.connect() as first:
        async with world.connect() as second:
            for client in (first, second):
                await talk.say(client, type="subscribe", job_id="job_1")
                await talk.hear(client)
            assert world.metric("kasal_events_watched_jobs") == 1
            assert world.metric("kasal_events_connections") == 2
        await talk.say(first, type="unsubscribe", job_id="job_1")
        await talk.until(lambda: not world.metric("kasal_events_watched_jobs"))


async def test_an_unknown_query_parameter_is_refused_and_named(world):
    async with raw_socket(f"{world.running.url}/ws?token=t") as socket:
        assert socket.handshake.startswith(b"HTTP/1.1 400 ")
        length = int(socket.handshake.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        told = json.loads(await socket.reader.readexactly(length))["error"]
    assert (told["code"], told["details"]["field"]) == ("VALIDATION_ERROR", "token")


async def test_replayed_frames_are_the_live_ones_byte_for_byte(world, talk):
    world.platform.job("job_1")
    live = []
    async with world.connect() as client:
        await talk.say(client, type="subscribe", job_id="job_1")
        await talk.hear(client)
        await world.emit("job_1", "task_start", agent="Ä 漢字", task_id="task_001")
        await world.emit("job_1", "something_newer", value={"b": 1.0, "a": [1e3]})
        await world.emit("job_1", "execution_complete", result="done")
        live = [await client.recv(decode=False) for _ in range(3)]
    async with world.connect() as client:
        await talk.say(client, type="subscribe", job_id="job_1")
        await talk.hear(client)
        assert [await client.recv(decode=False) for _ in range(3)] == live
    answer = world.running.http.get(
        "/executions/job_1/events", headers={"Authorization": f"Bearer {world.token}"}
    )
    async with answer as stream:
        data = [line[6:] for line in (await stream.read()).split(b"\n") if line[:6] == b"data: "]
    assert data == live


async def test_an_executor_of_before_the_lines_is_understood(world, talk):
    world.platform.old = True
    world.platform.job("job_1", events=3)
    world.platform.append("job_1", "execution_complete", result="done")
    async with world.connect() as client:
        await talk.say(client, type="subscribe", job_id="job_1")
        heard = await talk.hear_end(client)
    assert [frame.get("seq") for frame in heard] == [None, 1, 2, 3, 4]
