"""What never becomes a request is answered like everything else, and holds nothing up."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from common.web import protocol
from devkit.loop_lag import loop_lag
from devkit.serving import serve

Talk = Callable[[bytes], Awaitable[bytes]]
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
HANDSHAKE = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"


async def _app(scope, receive, send) -> None:
    """Answers a request when all of it is here; a WebSocket's handshake with 403."""
    message = await receive()
    if scope["type"] == "lifespan":
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    else:
        while message.get("more_body"):
            message = await receive()
        if message["type"] == "http.request":
            headers = [(b"content-length", b"2")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def talk():
    """A function that sends bytes on a new connection and returns all that comes until its end."""
    async with serve(_app) as server:
        port = int(server.url.rpartition(":")[2])

        async def exchange(data: bytes) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            async with asyncio.timeout(60):
                answer = await reader.read()
            writer.close()
            return answer

        yield exchange


class _Heard(asyncio.Protocol):
    """All that a server answers, also to a client that is still sending."""

    def __init__(self) -> None:
        self._heard = bytearray()
        self.all: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.all.set_result(bytes(self._heard))


@pytest.fixture
def headers_of() -> list[list[tuple[bytes, bytes]]]:
    """The headers of the requests of `talk_in_pieces` as the application has them at their end."""
    return []


@pytest.fixture
async def talk_in_pieces(headers_of):
    """As `talk`, with the data sent in pieces of so many bytes."""

    async def app(scope, receive, send) -> None:
        await _app(scope, receive, send)
        if scope["type"] == "http":
            headers_of.append(list(scope["headers"]))

    async with serve(app) as server:
        port = int(server.url.rpartition(":")[2])

        async def exchange(data: bytes, piece: int) -> bytes:
            transport, heard = await asyncio.get_running_loop().create_connection(
                _Heard, "127.0.0.1", port
            )
            for start in range(0, len(data), piece):
                transport.write(data[start : start + piece])
                await asyncio.sleep(0.001)  # so that each piece is a read of its own
            async with asyncio.timeout(60):
                return await heard.all

        yield exchange


def _refusal(answer: bytes) -> tuple[int, str]:
    """Return status and code of what must be an envelope with its request's id in a header."""
    head, _, body = answer.partition(b"\r\n\r\n")
    told = json.loads(body)["error"]
    assert told.keys() == {"code", "message", "details", "request_id"}
    assert b"x-request-id: " + told["request_id"].encode() in head
    assert b"connection: close" in head
    return int(head.split()[1]), told["code"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        POST + b"Content-Length: -2\r\n\r\n{}",
        POST + b"Content-Length : 2\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        POST + b"X-A: b\x00c\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Host: y\r\n\r\n",
        POST + b"Host: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n",
        b"GET evil.example HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_answered_with_the_envelope(talk: Talk, request_bytes: bytes):
    # Were the rest taken for a request of its own, there would be an answer to it too.
    answer = await talk(request_bytes + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    assert _refusal(answer) == (400, "VALIDATION_ERROR")


async def test_a_targets_own_host_counts(headers_of, talk_in_pieces):
    request = b"GET http://evil.example/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert (await talk_in_pieces(request, 1_000)).startswith(b"HTTP/1.1 200")
    assert [value for name, value in headers_of[0] if name == b"host"] == [b"evil.example"]


_LONG_HEADS = {
    "one line": b"X-A: " + b"a" * 70_000 + b"\r\n",
    "many lines": b"".join(b"X-%d: %b\r\n" % (n, b"a" * 1_000) for n in range(70)),
    "many small lines": b"".join(b"X-%d: a\r\n" % n for n in range(1_000)),
}


@pytest.mark.parametrize("lines", _LONG_HEADS.values(), ids=_LONG_HEADS)
@pytest.mark.parametrize("piece", [1_000, 30_000, 65_536, 200_000])
async def test_a_head_that_is_too_large_is_refused_however_it_is_split(
    talk_in_pieces, lines: bytes, piece: int
):
    answer = await talk_in_pieces(b"GET / HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n", piece)
    assert _refusal(answer) == (431, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("piece", [1_000, 200_000])
async def test_a_target_that_is_too_large_is_refused(talk_in_pieces, piece: int):
    target = b"/" + b"a" * 70_000
    answer = await talk_in_pieces(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n", piece)
    assert _refusal(answer) == (431, "PAYLOAD_TOO_LARGE")


CHUNKED = POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n"


@pytest.mark.parametrize("piece", [7, 100_000])
async def test_trailers_are_no_headers(headers_of, talk_in_pieces, piece: int):
    trailers = b"Authorization: Bearer t\r\nX-Request-ID: abcdefgh1\r\nX-Forwarded-For: 1.2.3.4\r\n"
    answer = await talk_in_pieces(CHUNKED + b"0\r\n" + trailers + b"\r\n", piece)
    assert answer.startswith(b"HTTP/1.1 200")
    (seen,) = headers_of
    assert [name for name, _ in seen] == [b"host", b"transfer-encoding", b"connection"]


@pytest.mark.parametrize("endless", [b"0\r\nX-A: ", b"2;x="], ids=["trailer", "chunk extension"])
async def test_what_surrounds_a_body_has_an_end(talk_in_pieces, endless: bytes):
    answer = await talk_in_pieces(CHUNKED + endless + b"a" * 400_000, 50_000)
    assert _refusal(answer) == (431, "PAYLOAD_TOO_LARGE")


async def test_many_small_chunks_are_a_body_like_any_other(talk_in_pieces):
    async with loop_lag():
        answer = await talk_in_pieces(CHUNKED + b"1\r\na\r\n" * 60_000 + b"0\r\n\r\n", 1_000_000)
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_head_without_an_end_is_cut_off(talk: Talk):
    answer = await talk(b"GET / HTTP/1.1\r\nX-A: " + b"a" * 70_000)
    assert _refusal(answer) == (431, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    "request_bytes", [b"", b"GET / HTTP/1.1\r\nHo", POST + b"Content-Length: 50\r\n\r\n{}"]
)
async def test_a_request_that_never_arrives_is_given_up(
    talk: Talk, request_bytes: bytes, monkeypatch
):
    monkeypatch.setattr(protocol, "_WITHIN", 0.1)
    assert _refusal(await talk(request_bytes)) == (408, "TIMEOUT")


async def test_a_connection_lives_on_between_requests(talk: Talk, monkeypatch):
    monkeypatch.setattr(protocol, "_WITHIN", 0.2)
    once = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await talk(once + POST + b"Content-Length: 2\r\n\r\n{}" + once + b"GET / HTTP/1.1\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert _refusal(answer[answer.rindex(b"HTTP/1.1 ") :]) == (408, "TIMEOUT")


async def test_garbage_behind_a_request_is_not_taken_for_its_answer(talk: Talk):
    answer = await talk(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nhello\r\n\r\n")
    assert b"400" not in answer.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "lines",
    [
        VERSION,
        KEY,
        VERSION + b"Sec-WebSocket-Key: x\r\n",
        VERSION + b"Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n",
        VERSION + KEY + KEY,
        b"Sec-WebSocket-Version: 12\r\n" + KEY,
        VERSION + KEY + b"X-A: " + b"a" * 9_000 + b"\r\n",
        VERSION + KEY + b"X-A: a\r\n" * 200,
    ],
)
async def test_what_is_no_handshake_stays_a_request(talk: Talk, lines: bytes):
    assert b" 200 OK" in await talk(HANDSHAKE + b"Connection: close\r\n" + lines + b"\r\n")


async def test_a_handshake_reaches_the_application_as_one(talk: Talk):
    assert b" 403 " in await talk(HANDSHAKE + VERSION + KEY + b"\r\n")
