"""Watching a run: live, late, again, over WebSocket and SSE, always the same gap-free stream."""

import asyncio
import json
from typing import Any

import pytest
from yarl import URL

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def sse(user: Any, job_id: str, **headers: str) -> list[dict[str, Any]]:
    """Read a job's events over SSE to the end of the stream."""
    events = []
    url = f"{user.platform.base}/executions/{job_id}/events"
    async with user.http.get(url, headers={**user.headers, **headers}) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        async for line in answer.content:
            if line.startswith(b"data:"):
                events.append(json.loads(line[5:]))
    return events


async def test_live_late_and_resumed_streams_are_the_same(user: Any) -> None:
    crew_id = await user.crew("Think of tea", "Think of hold:watching", model="gpt-4")
    job_id = await user.start(crew_id)
    live = asyncio.create_task(user.watch(job_id))
    stream = asyncio.create_task(sse(user, job_id))
    await user.platform.model.held("watching")
    joined_late = asyncio.create_task(user.watch(job_id))
    user.platform.model.release("watching")
    events = await live
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "execution_complete"
    assert await joined_late == events
    assert await stream == events
    assert await user.watch(job_id) == events
    assert await user.watch(job_id, after_seq=4) == events[4:]
    assert await sse(user, job_id, **{"Last-Event-ID": "3"}) == events[3:]


async def test_three_ways_to_show_a_token(user: Any) -> None:
    async with user.connect() as socket:
        await socket.send_json({"type": "ping"})
        assert (await socket.receive_json())["type"] == "pong"
    protocols = ("kasal.v1", f"bearer.{user.token}")
    async with user.connect(headers={}, protocols=protocols) as socket:
        assert socket.protocol == "kasal.v1"
        await socket.send_json({"type": "ping"})
        assert (await socket.receive_json())["type"] == "pong"
    async with user.connect(headers={}) as socket:
        await socket.send_json({"type": "authenticate", "token": user.token})
        await socket.send_json({"type": "ping"})
        kinds = [(await socket.receive_json())["type"]]
        while kinds[-1] != "pong":
            kinds.append((await socket.receive_json())["type"])
    async with user.connect(headers={"Authorization": "Bearer nonsense"}) as socket:
        message = await socket.receive()
        assert socket.close_code == 4401, message


async def test_the_platforms_own_pages_may_connect(user: Any) -> None:
    origin = str(URL(user.platform.base).origin())
    async with user.connect(headers={**user.headers, "Origin": origin}) as socket:
        await socket.send_json({"type": "ping"})
        assert await socket.receive_json() == {"type": "pong"}


async def test_a_token_longer_than_any_of_ours_is_refused_for_good(user: Any) -> None:
    headers = {"Authorization": "Bearer " + "a" * 7_000}
    async with user.http.get(f"{user.platform.base}/crews", headers=headers) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    async with user.connect(headers=headers) as socket:
        await socket.receive()
        assert socket.close_code == 4401


async def test_a_foreign_origin_is_refused(user: Any) -> None:
    headers = {**user.headers, "Origin": "https://evil.example"}
    async with user.connect(headers=headers) as socket:
        await socket.receive()
        assert socket.close_code == 4403


async def test_bad_frames_get_an_answer_and_the_socket_lives(user: Any) -> None:
    bad = [
        "{",
        "[]",
        "null",
        '"x"',
        '{"type": "dance"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "job_id": 7}',
        '{"type": "subscribe", "job_id": "job_x", "after_seq": -1}',
    ]
    async with user.connect() as socket:
        for frame in bad:
            await socket.send_str(frame)
            told = await socket.receive_json()
            assert told["type"] == "error", frame
            assert told["code"] == "VALIDATION_ERROR", frame
            assert "seq" not in told
        await socket.send_json({"type": "ping"})
        assert (await socket.receive_json())["type"] == "pong"


async def test_logout_closes_open_sockets(user: Any) -> None:
    async with user.connect() as socket:
        await socket.send_json({"type": "ping"})
        assert (await socket.receive_json())["type"] == "pong"
        await user.call("POST", "/auth/logout", expect=204)
        async with asyncio.timeout(60):
            while not socket.closed:
                await socket.receive()
        assert socket.close_code == 4401
