"""Sockets whose clients ask too much, or do not read."""

import socket as sockets

from devkit.raw import PING, TEXT, frame, raw_socket


async def test_too_many_connections_and_subscriptions_close_with_4429(world_of, talk, make_token):
    async with world_of(socket_limit=3, workspace_socket_limit=2, subscription_limit=2) as world:
        for number in range(3):
            world.platform.job(f"job_{number}", events=1)
        async with world.connect() as first, world.connect() as second:
            for client in (first, second):
                await talk.say(client, type="ping")
                await talk.hear(client)
            async with world.connect() as third:
                assert await talk.closed(third) == 4429
            elsewhere = make_token(workspace_id="ws_other")
            async with world.connect(elsewhere) as third, world.connect(elsewhere) as fourth:
                assert await talk.closed(fourth) == 4429
                await talk.say(third, type="ping")
                assert await talk.hear(third) == {"type": "pong"}
            for job_id in ("job_0", "job_1", "job_1", "job_2"):
                await talk.say(first, type="subscribe", job_id=job_id)
            assert await talk.closed(first) == 4429
            for limit in ("process", "workspace", "subscriptions"):
                assert world.metric("kasal_events_limit_hits_total", limit=limit) == 1
        async with world.connect() as again:
            await talk.say(again, type="ping")
            assert await talk.hear(again) == {"type": "pong"}


async def test_a_client_that_floods_and_reads_late_is_closed_with_4429(world_of, talk):
    async with world_of(client_message_limit=300, client_frame_bytes=256) as world:
        async with world.connect() as client:
            for number in range(10_000):
                await talk.say(client, type="subscribe", job_id=f"job_{number}")
            code, heard = await talk.drained(client)
        assert code == 4429
        assert 300 <= len(heard) < 1_000
        async with world.connect() as again:
            await talk.say(again, type="ping")
            assert await talk.hear(again) == {"type": "pong"}


async def test_a_client_that_does_not_read_is_closed_with_4008_and_others_go_on(world_of, talk):
    async with world_of(slow_client_seconds=2.0) as world:
        world.platform.job("job_1")
        raw = sockets.socket()
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
        raw.connect(("127.0.0.1", int(world.running.url.rpartition(":")[2])))
        async with (
            world.connect(sock=raw, max_queue=1) as slow,
            world.connect(max_queue=None) as quick,
        ):
            for client in (slow, quick):
                await talk.say(client, type="subscribe", job_id="job_1")
                await talk.hear(client)
            text = "x" * 20_000
            for _ in range(400):
                await world.emit("job_1", result=text)
            await world.emit("job_1", "execution_complete")
            heard = await talk.hear_end(quick)
            assert [frame["seq"] for frame in heard] == list(range(1, 402))
            await talk.until(lambda: world.metric("kasal_events_slow_clients_closed_total"))
            code, frames = await talk.drained(slow)
            assert code == 4008
            seen = [frame["seq"] for frame in frames]
            assert seen == list(range(1, len(seen) + 1)), "what it did get has no hole"
        async with world.connect() as back:
            await talk.say(back, type="subscribe", job_id="job_1", after_seq=seen[-1])
            heard = await talk.hear_end(back)
        assert [frame["seq"] for frame in heard[1:]] == list(range(seen[-1] + 1, 402))


async def test_pings_without_a_token_neither_last_nor_pile_up(world_of):
    async with world_of(authenticate_seconds=0.5) as world:
        async with raw_socket(f"{world.running.url}/ws") as slow:
            slow.writer.write(frame(PING, b"x" * 125) * 500)
            assert await slow.closing_code(60) == 4408
            assert await slow.ended(60), "though it never answers the close frame"
        async with raw_socket(f"{world.running.url}/ws") as fast:
            piece = frame(PING, b"x" * 125) * 200
            sent, over = await fast.flood(piece, 400 * 1_048_576, 60)
        assert over
        assert sent < 16 * 1_048_576


async def test_json_pings_of_a_client_that_never_reads_end_with_the_socket(world_of):
    async with world_of(slow_client_seconds=2.0) as world:
        headers = {"Authorization": f"Bearer {world.token}"}
        async with raw_socket(f"{world.running.url}/ws", headers) as socket:
            piece = frame(TEXT, b'{"type":"ping"}') * 200
            sent, over = await socket.flood(piece, 100 * 1_048_576, 60)
        assert over
        assert sent < 16 * 1_048_576
