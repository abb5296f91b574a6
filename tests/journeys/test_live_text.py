"""Text while a model writes it: over WebSocket and SSE, with an endpoint that streams."""

import asyncio
import json
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Reader:
    """A client that follows one job with deltas, and puts texts together as it should."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.deltas: list[dict[str, Any]] = []
        self._news = asyncio.Condition()

    async def take(self, message: dict[str, Any]) -> None:
        async with self._news:
            if message["type"] == "text_delta":
                assert "seq" not in message
                self.deltas.append(message)
            elif "seq" in message:
                self.events.append(message)
            self._news.notify_all()

    async def has(self, condition: Any) -> None:
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(condition)

    def text(self, turn: int) -> str:
        """Return the turn's text as far as it arrived, by the offsets that JavaScript would use."""
        units = b""
        for delta in self.deltas:
            if delta["turn"] == turn:
                units = units[: 2 * delta["offset"]] + delta["text"].encode("utf-16-le")
        return units.decode("utf-16-le")

    @property
    def ended(self) -> bool:
        ends = {"execution_complete", "execution_stopped", "error"}
        return any(event["type"] in ends for event in self.events)


async def follow_socket(user: Any, job_id: str, reader: Reader, after_seq: int = 0) -> None:
    async with user.connect() as socket:
        wanted = {"type": "subscribe", "job_id": job_id, "after_seq": after_seq, "deltas": True}
        await socket.send_json(wanted)
        while not reader.ended:
            await reader.take(await socket.receive_json())


async def follow_sse(user: Any, job_id: str, reader: Reader) -> None:
    url = f"{user.platform.base}/executions/{job_id}/events?deltas=true"
    async with user.http.get(url, headers=user.headers) as answer:
        assert answer.status == 200
        lines: list[bytes] = []
        async for line in answer.content:
            if line.strip():
                lines.append(line.strip())
                continue
            data = [one[5:] for one in lines if one.startswith(b"data:")]
            named = [one for one in lines if one.startswith(b"event:")]
            if data:
                message = json.loads(data[0])
                assert named == [b"event: " + message["type"].encode()]
                has_id = any(one.startswith(b"id:") for one in lines)
                assert has_id == (message["type"] != "text_delta")
                await reader.take(message)
            lines.clear()


async def watched_turn(user: Any, name: str, *pieces: str) -> tuple[str, Reader, Reader, list[Any]]:
    """Start a crew whose second task streams `pieces`, with two clients that watch it from before."""
    user.platform.model.say(name, *pieces)
    crew_id = await user.crew(f"Think of hold:{name}_first", f"Tell stream:{name}", model="gpt-4")
    job_id = await user.start(crew_id)
    await user.platform.model.held(f"{name}_first")
    socket, sse = Reader(), Reader()
    following = [
        asyncio.create_task(follow_socket(user, job_id, socket)),
        asyncio.create_task(follow_sse(user, job_id, sse)),
    ]
    await socket.has(lambda: len(socket.events) >= 2)
    await sse.has(lambda: len(sse.events) >= 2)
    user.platform.model.release(f"{name}_first")
    return job_id, socket, sse, following


async def test_text_reaches_socket_and_stream_while_it_is_written(user: Any) -> None:
    pieces = ("Tea \U0001f375 is", " grown", " in \U0001f1ef\U0001f1f5", " and elsewhere.")
    job_id, socket, sse, following = await watched_turn(user, "tea", *pieces)
    await user.platform.model.held("tea")  # the model has written its first words, and no more
    for reader in (socket, sse):
        await reader.has(lambda reader=reader: bool(reader.deltas))
        assert reader.text(reader.deltas[0]["turn"]) == pieces[0]
        delta = reader.deltas[0]
        assert (delta["job_id"], delta["offset"], delta["attempt"]) == (job_id, 0, 1)
    user.platform.model.release("tea")
    await asyncio.gather(*following)
    assert socket.events == sse.events == await user.watch(job_id)
    answers = [event for event in socket.events if event["type"] == "llm_call"]
    assert answers[-1]["result"] == "".join(pieces)
    for reader in (socket, sse):
        assert "".join(pieces).startswith(reader.text(reader.deltas[-1]["turn"]))


async def test_a_reader_that_comes_back_ends_with_the_text_of_the_log(user: Any) -> None:
    pieces = ("One \U0001f375", " two", " three")
    job_id, socket, sse, following = await watched_turn(user, "back", *pieces)
    await user.platform.model.held("back")
    await socket.has(lambda: bool(socket.deltas))
    following[0].cancel()
    again = Reader()
    again.events = list(socket.events)
    after = socket.events[-1]["seq"]
    following.append(asyncio.create_task(follow_socket(user, job_id, again, after)))
    following.append(asyncio.create_task(follow_socket(user, job_id, late := Reader())))
    await late.has(lambda: bool(late.events))
    user.platform.model.release("back")
    await asyncio.gather(*following[1:])
    stored = await user.watch(job_id)
    assert again.events == late.events == sse.events == stored
    for reader in (again, late):  # from the midst of the text, at the offset where it belongs
        for delta in reader.deltas:
            units = "".join(pieces).encode("utf-16-le")[2 * delta["offset"] :]
            assert units.startswith(delta["text"].encode("utf-16-le"))


async def test_a_stop_cuts_the_stream_off(user: Any) -> None:
    job_id, socket, sse, following = await watched_turn(user, "stopped", "One", " two")
    await user.platform.model.held("stopped")
    await socket.has(lambda: bool(socket.deltas))
    await user.call("POST", f"/executions/{job_id}/stop", {}, expect=200)
    await user.platform.model.dropped("stopped")
    await asyncio.gather(*following)
    assert socket.events == sse.events
    assert socket.events[-1]["type"] == "execution_stopped"
    assert socket.deltas[-1]["text"] == "One"


async def test_a_wrong_value_is_refused(user: Any) -> None:
    crew_id = await user.crew("Think of tea")
    job_id = await user.start(crew_id)
    path = f"/executions/{job_id}/events?deltas=perhaps"
    told = await user.call("GET", path, expect=400)
    assert told["error"]["code"] == "VALIDATION_ERROR"
    async with user.connect() as socket:
        await socket.send_json({"type": "subscribe", "job_id": job_id, "deltas": "yes"})
        told = await socket.receive_json()
    assert (told["type"], told["code"]) == ("error", "VALIDATION_ERROR")
    assert "deltas" in json.dumps(told)


@pytest.mark.parametrize("form", ["stack"], indirect=True, scope="session")
async def test_a_text_whose_worker_is_killed_begins_anew(user: Any) -> None:
    job_id, socket, _, following = await watched_turn(user, "killed", "One", " two")
    await user.platform.model.held("killed")
    await socket.has(lambda: bool(socket.deltas))
    stack = user.platform.stack
    for name in user.platform.workers:
        await stack.kill(name)
    for name in user.platform.workers:
        await stack.start(name)
    await socket.has(lambda: socket.deltas[-1]["attempt"] == 2)
    assert (socket.deltas[-1]["offset"], socket.deltas[-1]["text"]) == (0, "One")
    user.platform.model.release("killed")
    await asyncio.gather(*following)
    assert socket.events == await user.watch(job_id)
    answers = [event for event in socket.events if event["type"] == "llm_call"]
    assert answers[-1]["result"] == "One two"
