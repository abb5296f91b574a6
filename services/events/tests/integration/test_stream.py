"""The SSE stream as its clients see it."""

import asyncio
import socket as sockets

import orjson
import pytest


def parsed(text: bytes) -> list[dict[str, str]]:
    """Return the events of an SSE stream, as the HTML standard reads them."""
    events = []
    for block in text.decode().split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.split("\n") if line[:1] not in {"", ":"}
        )
        if "data" in fields:
            events.append(fields)
    return events


@pytest.fixture
def follow(world):
    def get(job_id="job_1", path="", **headers):
        headers.setdefault("Authorization", f"Bearer {world.token}")
        return world.running.http.get(f"/executions/{job_id}/events{path}", headers=headers)

    return get


async def test_stored_and_live_events_then_the_end(world, follow):
    world.platform.job("job_1", events=2)
    async with follow() as answer:
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        live = await world.emit("job_1", "task_complete", result="line\nline", agent="Ä")
        await world.emit("job_1", "execution_complete", result="done")
        async with asyncio.timeout(60):
            events = parsed(await answer.read())
    assert [(e["id"], e["event"]) for e in events] == [
        ("1", "progress"),
        ("2", "progress"),
        ("3", "task_complete"),
        ("4", "execution_complete"),
    ]
    assert events[2]["data"].encode() == live.body


@pytest.mark.parametrize(
    ("path", "headers", "first"),
    [
        ("?after_seq=2", {}, 3),
        ("", {"Last-Event-ID": "3"}, 4),
        ("?after_seq=1", {"Last-Event-ID": "3"}, 4),
    ],
)
async def test_resuming(world, follow, path, headers, first):
    world.platform.job("job_1", events=3)
    world.platform.append("job_1", "error", message="m", code="MODEL_ERROR")
    async with follow(path=path, **headers) as answer:
        events = parsed(await answer.read())
    assert [int(e["id"]) for e in events] == list(range(first, 5))


async def test_a_client_that_has_the_end_gets_204(world, follow):
    world.platform.job("job_1")
    world.platform.append("job_1", "execution_stopped", reason="r")
    async with follow(**{"Last-Event-ID": "1"}) as answer:
        assert answer.status == 204
    assert world.metric("kasal_events_connections") == 0


@pytest.mark.parametrize(
    ("job_id", "path", "headers", "status", "code"),
    [
        ("job_theirs", "", {}, 404, "NOT_FOUND"),
        ("job_unknown", "", {}, 404, "NOT_FOUND"),
        ("job_.%23", "", {}, 404, "NOT_FOUND"),
        ("job_1", "?after_seq=3", {}, 400, "VALIDATION_ERROR"),
        ("job_1", "?after_seq=-1", {}, 400, "VALIDATION_ERROR"),
        ("job_1", "?after_seq=x", {}, 400, "VALIDATION_ERROR"),
        ("job_1", f"?after_seq=1{'0' * 400}", {}, 400, "VALIDATION_ERROR"),
        ("job_1", "", {"Last-Event-ID": "x"}, 400, "VALIDATION_ERROR"),
        ("job_1", "", {"Authorization": "Bearer nonsense"}, 401, "UNAUTHORIZED"),
        ("job_1", "", {"Authorization": ""}, 401, "UNAUTHORIZED"),
    ],
)
async def test_refusals_come_before_the_stream(world, follow, job_id, path, headers, status, code):
    world.platform.job("job_1", events=2)
    world.platform.job("job_theirs", workspace_id="ws_other", events=2)
    async with follow(job_id, path, **headers) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["code"] == code
    assert world.metric("kasal_events_connections") == 0


async def test_heartbeats_and_a_client_that_leaves(world_of, talk):
    async with world_of(heartbeat_seconds=0.05) as world:
        world.platform.job("job_1")
        headers = {"Authorization": f"Bearer {world.token}"}
        async with world.running.http.get("/executions/job_1/events", headers=headers) as answer:
            async with asyncio.timeout(60):
                assert await answer.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
                for _ in range(3):
                    assert (await answer.content.readuntil(b"\n\n")).startswith(b":")
            assert world.metric("kasal_events_connections") == 1
            answer.close()
        await talk.until(lambda: not world.metric("kasal_events_connections"))


async def test_too_many_streams(world_of):
    async with world_of(workspace_socket_limit=1) as world:
        world.platform.job("job_1")
        headers = {"Authorization": f"Bearer {world.token}"}
        get = world.running.http.get
        async with get("/executions/job_1/events", headers=headers) as first:
            assert first.status == 200
            async with get("/executions/job_1/events", headers=headers) as second:
                assert second.status == 429
                assert (await second.json())["error"]["code"] == "RATE_LIMIT"
                assert "retry-after" in second.headers


async def test_a_stream_ends_with_its_token_and_with_the_process(world_of, make_token, ends):
    async with world_of() as world:
        world.platform.job("job_1", events=1)
        short = {"Authorization": f"Bearer {make_token(expires_in=1_800)}"}
        async with world.running.http.get("/executions/job_1/events", headers=short) as answer:
            async with asyncio.timeout(60):
                await answer.content.readuntil(b"\n\n")  # how long to wait before coming back
                assert len(parsed(await answer.content.readuntil(b"\n\n"))) == 1
                ends.pass_time(1_900)
                assert parsed(await answer.read()) == []
        headers = {"Authorization": f"Bearer {world.token}"}
        answer = await world.running.http.get("/executions/job_1/events", headers=headers)
        await answer.content.readuntil(b"data: ")
        world.app.state.on_stop[0]()
        async with asyncio.timeout(60):
            await answer.read()
        async with world.running.http.get("/executions/job_1/events", headers=headers) as refused:
            assert refused.status == 503


async def test_a_reader_that_stands_still_is_broken_off(world_of, talk):
    async with world_of(slow_client_seconds=1.0) as world:
        world.platform.job("job_1")
        raw = sockets.socket()
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
        raw.connect(("127.0.0.1", int(world.running.url.rpartition(":")[2])))
        reader, writer = await asyncio.open_connection(sock=raw, limit=2_000)
        writer.write(
            "GET /executions/job_1/events HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {world.token}\r\n\r\n".encode()
        )
        assert b"200 OK" in await reader.readline()
        await talk.until(lambda: world.metric("kasal_events_watched_jobs"))
        for _ in range(400):
            await world.emit("job_1", result="x" * 20_000)
        await talk.until(lambda: world.metric("kasal_events_slow_clients_closed_total"))
        await talk.until(lambda: not world.metric("kasal_events_connections"))
        cut_off = await reader.read()
        assert not cut_off.endswith(b"0\r\n\r\n"), "no proper end, so that it is not taken for one"
        writer.close()
        await writer.wait_closed()


async def test_the_route_is_documented(world):
    described = world.app.openapi()["paths"]["/executions/{job_id}/events"]["get"]
    assert described["operationId"] == "stream_execution_events"
    assert set(described["responses"]["200"]["content"]) == {"text/event-stream"}
    assert {"204", "400", "401", "404", "429", "503"} <= set(described["responses"])
    assert orjson.dumps(described)
