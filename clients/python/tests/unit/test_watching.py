"""Streams of events over connections that break.

Covers: kasal_client.aio.watching
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from kasal_client import AsyncKasal, ConnectionFailedError, Kasal, NotFoundError
from kasal_client.sync import watching


def event(seq: int, kind: str = "progress") -> bytes:
    data = json.dumps({"type": kind, "job_id": "job_1", "seq": seq, "result": "Done."})
    return f"id: {seq}\nevent: {kind}\ndata: {data}\n\n".encode()


DELTA = b'event: text_delta\ndata: {"type": "text_delta", "task_id": "t", "text": "a"}\n\n'
END = "execution_complete"


class Broken(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """Some bytes, and then no more."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces
        raise httpx2.ReadError("broken")

    async def __aiter__(self) -> Any:
        for piece in self.pieces:
            yield piece
        raise httpx2.ReadError("broken")


class Source:
    """Answers one request after another."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url.params.get("after_seq")))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return httpx2.Response(answer, json={}, headers={"Retry-After": "2"})
        headers = {"Content-Type": "text/event-stream"}
        if isinstance(answer, bytes):
            return httpx2.Response(200, content=answer, headers=headers)
        return httpx2.Response(200, stream=answer, headers=headers)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr("kasal_client.io_sync.sleep", found.append)
    monkeypatch.setattr("kasal_client.io_async.sleep", sleep)
    return found


def client(source: Source) -> Kasal:
    return Kasal("http://there", "key", transport=httpx2.MockTransport(source), max_retries=0)


def seqs(source: Source) -> list[int]:
    with client(source) as kasal, kasal.executions.run("job_1").events() as events:
        return [one.seq for one in events]


BREAKS = (
    Broken(event(1) + event(2), event(3)[:20]),
    httpx2.ConnectError("away"),
    503,
    event(2) + event(3) + b": silence\n\n",
    event(3) + event(4, END) + event(5),
)


def test_each_event_comes_once_whatever_breaks(waits):
    source = Source(*BREAKS)
    assert seqs(source) == [1, 2, 3, 4]
    assert source.asked == ["0", "2", "2", "2", "3"]
    assert waits[2] == 2


async def test_so_it_does_for_asyncio():
    source = Source(*BREAKS)
    transport = httpx2.MockTransport(source)
    async with AsyncKasal("http://there", "key", transport=transport, max_retries=0) as kasal:
        assert [one.seq async for one in kasal.executions.run("job_1").events()] == [1, 2, 3, 4]


def test_a_stream_after_the_last_event_is_empty():
    assert seqs(Source(204)) == []


def test_text_is_shown_to_who_asks_for_it():
    stream = DELTA + event(1, END)
    assert seqs(Source(stream)) == [1]
    with client(Source(stream)) as kasal:
        kinds = [one.type for one in kasal.executions.run("job_1").watch()]
    assert kinds == ["text_delta", END]


def test_what_is_no_event_is_passed_over():
    assert seqs(Source(b"data: nonsense\n\ndata: [1]\n\ndata: {}\n\n" + event(1, END))) == [1]


def test_a_job_that_is_not_there_is_an_error():
    source = Source(404)
    with pytest.raises(NotFoundError):
        seqs(source)
    assert source.answers == []


def test_a_platform_that_stays_away_is_not_asked_for_ever(monkeypatch):
    monkeypatch.setattr(watching, "PATIENCE", 0.0)
    source = Source(*[httpx2.ConnectError("away") for _ in range(9)])
    with pytest.raises(ConnectionFailedError, match="could not be read"):
        seqs(source)


def test_an_event_that_is_too_large_takes_no_memory(monkeypatch):
    monkeypatch.setattr(watching, "LONGEST_EVENT", 50)
    with pytest.raises(ConnectionFailedError, match="limit"):
        seqs(Source(event(1)))
