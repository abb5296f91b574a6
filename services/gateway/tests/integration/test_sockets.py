"""The WebSocket through the gateway."""

import asyncio
import logging

import aiohttp
import pytest

from common.web.server import bind_tcp, server_for
from gateway.config import Settings
from gateway.wiring import build_app


@pytest.mark.parametrize("path", ["/v1/ws", "/api/v1/ws"])
async def test_frames_go_both_ways(gateway, behind, path):
    async with gateway() as door, door.http.ws_connect(path) as socket:
        await socket.send_str("hello, ä")
        assert await socket.receive_str(timeout=60) == "events: hello, ä"
        await socket.send_bytes(b"\x00\xff")
        assert await socket.receive_bytes(timeout=60) == b"\x00\xff"


async def test_what_identifies_the_client_is_carried(gateway, behind):
    headers = {
        "Authorization": "Bearer whatever",
        "Origin": "https://app.example",
        "X-Request-ID": "my-request-7",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "X-Forwarded-For": "1.2.3.4",
        "X-Forwarded-Host": "evil.example",
    }
    async with (
        gateway() as door,
        door.http.ws_connect(
            "/v1/ws", headers=headers, protocols=["kasal.v1", "bearer.token"]
        ) as socket,
    ):
        assert socket.protocol == "kasal.v1"
        assert socket._response.headers["X-Request-ID"] == "my-request-7"
    seen = behind.events.sockets[0]
    for name in ("authorization", "origin", "x-request-id"):
        assert seen[name] == {k.lower(): v for k, v in headers.items()}[name]
    assert seen["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-host"] == door.url.removeprefix("http://")
    assert [p.strip() for p in seen["sec-websocket-protocol"].split(",")] == [
        "kasal.v1",
        "bearer.token",
    ]


@pytest.mark.parametrize("code", [1000, 1011, 4008, 4401])
async def test_the_closing_code_of_the_service_reaches_the_client(gateway, code):
    async with gateway() as door, door.http.ws_connect("/v1/ws") as socket:
        await socket.send_str(f"close {code} because")
        closing = await socket.receive(timeout=60)
        assert (closing.type, closing.data, closing.extra) == (
            aiohttp.WSMsgType.CLOSE,
            code,
            "because",
        )


async def test_the_closing_code_of_the_client_reaches_the_service(gateway, behind):
    async with gateway() as door, door.http.ws_connect("/v1/ws") as socket:
        await socket.close(code=4100, message=b"enough")
        told = await asyncio.wait_for(behind.events.closed.get(), 60)
    assert (told["code"], told["reason"]) == (4100, "enough")


async def test_a_client_that_vanishes_is_gone_for_the_service(gateway, behind):
    async with gateway() as door:
        socket = await door.http.ws_connect("/v1/ws")
        socket._response.connection.transport.abort()
        told = await asyncio.wait_for(behind.events.closed.get(), 60)
        assert told["type"] == "websocket.disconnect"
        await socket.close()


async def test_clients_are_told_to_come_back_when_the_gateway_stops(gateway):
    async with aiohttp.ClientSession() as http:
        async with gateway() as door:
            socket = await http.ws_connect(f"{door.url}/v1/ws")
        closing = await socket.receive(timeout=60)
    assert closing.data == 1012


async def test_clients_are_told_to_come_back_when_the_service_is_lost(behind, gateway):
    bound = bind_tcp("127.0.0.1", 0)
    dropped = asyncio.Event()

    async def lost(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await dropped.wait()
            raise RuntimeError("the service falls over")
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    server = server_for(lost)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    async with (
        gateway(events_url=f"http://127.0.0.1:{bound.getsockname()[1]}") as door,
        door.http.ws_connect("/v1/ws") as socket,
    ):
        dropped.set()
        closing = await socket.receive(timeout=60)
        assert closing.data == 1012
    server.stop()
    await running
    bound.close()


async def test_a_client_that_does_not_read_holds_the_service_back(gateway, behind):
    """100 MB are on the way; what is taken from the service is bounded by the buffers between."""
    async with gateway() as door:
        host, _, port = door.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1_024)
        writer.write(
            b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x81\x85\x00\x00\x00\x00flood")
        before = -1
        async with asyncio.timeout(60):
            while behind.events.sent != before or before == 0:
                before = behind.events.sent
                await asyncio.sleep(0.5)
        assert 0 < behind.events.sent < 1_500
        writer.close()


async def test_a_refused_handshake_stays_refused(gateway, behind):
    async with gateway() as door:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await door.http.ws_connect("/v1/ws?refuse")
        assert refused.value.status == 403


async def test_handshakes_are_counted_by_address(gateway):
    async with gateway(handshake_limit=1) as door:
        async with door.http.ws_connect("/v1/ws"):
            pass
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await door.http.ws_connect("/v1/ws")
    assert refused.value.status == 429
    assert int(refused.value.headers["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/ws", "/v1/crews", "/internal/ws", "/v1/ws/more", "/v1/%77s/.."])
async def test_there_is_one_socket_only(gateway, behind, path):
    async with gateway() as door:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answered = await door.raw(request)
    assert answered.startswith(b"HTTP/1.1 404")
    assert b'"code":"NOT_FOUND"' in answered
    assert behind.events.sockets == []


async def test_without_the_service_the_handshake_is_a_503(gateway, behind, caplog):
    bound = bind_tcp("127.0.0.1", 0)
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    async with gateway(events_url=address) as door:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await door.http.ws_connect("/v1/ws")
    bound.close()
    assert refused.value.status == 503
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR]


async def test_a_socket_goes_to_another_process_where_one_is_gone(gateway, behind):
    bound = bind_tcp("127.0.0.1", 0)
    gone = f"http://127.0.0.1:{bound.getsockname()[1]}"
    async with gateway(events_url=f"{gone},{behind.events.url}") as door:
        for _ in range(3):
            async with door.http.ws_connect("/v1/ws") as socket:
                await socket.send_str("hello")
                assert await socket.receive_str(timeout=60)
    bound.close()
    assert len(behind.events.sockets) == 3


def test_nothing_is_connected_before_the_start(behind):
    settings = Settings(
        amqp_url="memory://", redis_url="memory://", service_secret="a secret of the services"
    )
    assert build_app(settings, behind.backends).state.telemetry.service == "gateway"
