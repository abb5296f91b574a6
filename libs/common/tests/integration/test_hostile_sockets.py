"""WebSockets whose clients do what none should: none may cost memory, time or the loop.

Covers: common.web.slow_clients, common.web.socket_protocol
"""

import asyncio

import pytest

from devkit.loop_lag import loop_lag
from devkit.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawSocket,
    frame,
    raw_socket,
)
from devkit.serving import serve

MEGABYTE = 1_048_576
_ENDS_WITHIN = 12.0


class _App:
    """Accepts sockets, counts their messages, and closes with 4408 after `patience` seconds."""

    def __init__(self, patience: float = 60.0) -> None:
        self.heard = 0
        self.patience = patience

    async def __call__(self, scope, receive, send) -> None:
        message = await receive()
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "websocket.accept"})
        try:
            async with asyncio.timeout(self.patience):
                while message["type"] != "websocket.disconnect":
                    message = await receive()
                    self.heard += message["type"] == "websocket.receive"
        except TimeoutError:
            await send({"type": "websocket.close", "code": 4408})


@pytest.mark.parametrize(
    "piece",
    [
        frame(PING, b"x" * 125) * 200,
        frame(PING) * 5_000,
        frame(PONG) * 5_000,
        frame(CONTINUATION, last=False) * 5_000,
    ],
    ids=["long pings", "empty pings", "pongs", "fragments of nothing"],
)
async def test_frames_that_say_nothing_are_taken_up_to_a_limit(piece: bytes):
    async with serve(_App()) as server, raw_socket(server.url) as socket:
        assert socket.handshake.startswith(b"HTTP/1.1 101 ")
        if piece.startswith(b"\x00"):
            socket.writer.write(frame(TEXT, b"begun", last=False))
        async with loop_lag():
            sent, over = await socket.flood(piece, 400 * MEGABYTE, _ENDS_WITHIN)
        assert over
        assert sent < 16 * MEGABYTE, "what the system's own buffers hold, and a limit's worth"


async def test_a_flood_is_closed_with_a_code_that_says_so():
    async with serve(_App()) as server, raw_socket(server.url, small=False) as socket:
        socket.writer.write(frame(PING, b"x") * 1_300)
        assert await socket.closing_code(5) == 4429


async def test_a_ping_is_still_answered():
    async with serve(_App()) as server, raw_socket(server.url) as socket:
        socket.writer.write(frame(PING, b"are you there"))
        assert await socket.reader.readexactly(15) == b"\x8a\x0dare you there"


async def test_a_client_that_reads_nothing_is_closed_and_then_cut_off():
    async with serve(_App(patience=0.3)) as server, raw_socket(server.url) as socket:
        socket.writer.write(frame(PING, b"x" * 125) * 1_000)
        assert await socket.closing_code(5) == 4408, "pongs stand before it, none after it"
        assert await socket.ended(_ENDS_WITHIN), "though the close frame is never answered"


async def test_messages_are_read_no_faster_than_the_application_takes_them():
    """And none is lost, whatever the pieces they come in."""
    app = _App()
    async with serve(app) as server, raw_socket(server.url) as socket:
        one = frame(TEXT, b'{"type":"ping"}')
        async with loop_lag():
            socket.writer.write(one * 20_000)
            async with asyncio.timeout(60):
                while app.heard < 20_000:  # noqa: ASYNC110 - what is waited for is a count
                    await asyncio.sleep(0.01)


async def test_a_message_of_many_parts_is_whole():
    heard = []

    async def app(scope, receive, send) -> None:
        await receive()
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "websocket.accept"})
        heard.append((await receive())["text"])
        await send({"type": "websocket.close", "code": 1000})

    async with serve(app) as server, raw_socket(server.url) as socket:
        parts = [frame(CONTINUATION, b"b" * 200, last=False) for _ in range(100)]
        whole = [frame(TEXT, b"a", last=False), *parts, frame(PING), frame(CONTINUATION, b"c")]
        socket.writer.write(b"".join(whole))
        assert await socket.closing_code(5) == 1000
    assert heard == ["a" + "b" * 20_000 + "c"]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_message_without_an_end_is_too_large(opcode: int):
    async with serve(_App()) as server, raw_socket(server.url, small=False) as socket:
        await _write(socket, frame(opcode, b"x" * 1_000, last=False))
        for _ in range(100):
            await _write(socket, frame(CONTINUATION, b"x" * 1_000, last=False))
        assert await socket.closing_code(5) == 1009


async def test_after_its_own_close_frame_a_client_is_not_waited_for():
    async with serve(_App()) as server, raw_socket(server.url) as socket:
        socket.writer.write(frame(CLOSE, b"\x03\xe8"))
        assert await socket.ended(5)


async def _write(socket: RawSocket, piece: bytes) -> None:
    try:
        socket.writer.write(piece)
        await socket.writer.drain()
    except OSError:
        return  # refused already
