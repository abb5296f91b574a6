"""Clients at the door that send and never read, or read and never send."""

import pytest

from devkit.loop_lag import loop_lag
from devkit.raw import PING, TEXT, frame, raw_socket

MEGABYTE = 1_048_576
_ENDS_WITHIN = 15.0


@pytest.mark.parametrize("token", [True, False])
async def test_pings_of_a_client_that_never_reads_are_bounded(gateway, bearer, token: bool):
    async with gateway() as door:
        headers = bearer() if token else {}
        async with raw_socket(f"{door.url}/api/v1/ws", headers) as socket:
            assert socket.handshake.startswith(b"HTTP/1.1 101 ")
            async with loop_lag():
                piece = frame(PING, b"x" * 125) * 200
                sent, over = await socket.flood(piece, 400 * MEGABYTE, _ENDS_WITHIN)
    assert over
    assert sent < 16 * MEGABYTE


async def test_a_close_of_the_service_reaches_a_client_that_does_not_read(gateway):
    async with gateway() as door, raw_socket(f"{door.url}/v1/ws") as socket:
        socket.writer.write(frame(PING, b"x" * 125) * 1_000 + frame(TEXT, b"close 4408 too late"))
        assert await socket.closing_code(5) == 4408
        assert await socket.ended(_ENDS_WITHIN)
