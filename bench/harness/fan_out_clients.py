"""The clients of `bench.harness.fan_out`: raw sockets that count bytes, so that they are not what is measured."""

import asyncio
import base64
import json
import os
import time
from functools import partial
from typing import Any

from bench.harness.fan_out_servers import FRAME_BYTES, JOB, commands


class Client(asyncio.Protocol):
    def __init__(self, token: str, ready: asyncio.Future[None], tally: "Tally") -> None:
        self._token = token
        self._ready = ready
        self._tally = tally
        self._opening = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(handshake(self._token))

    def data_received(self, data: bytes) -> None:
        if self._ready.done():
            self._tally.add(len(data))
            return
        self._opening += data
        if b"\r\n\r\n" in self._opening and not self._opening.endswith(b"}"):
            self._opening += b"}"  # once
            asked = {"type": "subscribe", "job_id": JOB, "after_seq": self._tally.after_seq}
            self._transport.write(mask(json.dumps(asked).encode()))
            if self._token == "none":
                self._ready.set_result(None)
        elif self._opening.count(b"subscribed"):
            self._ready.set_result(None)


def handshake(token: str) -> bytes:
    """Return the request that opens a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def mask(text: bytes) -> bytes:
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


class Tally:
    def __init__(self, after_seq: int) -> None:
        self.after_seq = after_seq
        self.wanted = 0
        self.got = 0
        self.done = asyncio.Event()

    def add(self, size: int) -> None:
        self.got += size
        if self.got >= self.wanted:
            self.done.set()


async def clients(port: int, token: str, sockets: int, after_seq: int) -> None:
    """Connect, say so, then time each "<frames>" told on stdin."""
    loop = asyncio.get_running_loop()
    tally = Tally(after_seq)
    held = []
    for _ in range(sockets):
        ready: asyncio.Future[None] = loop.create_future()
        made = await loop.create_connection(partial(Client, token, ready, tally), "127.0.0.1", port)
        held.append(made)
        await ready
    await asyncio.sleep(0.3)
    print("connected", flush=True)
    async for frames, _ in commands():
        tally.got, tally.wanted = 0, frames * sockets * FRAME_BYTES
        tally.done.clear()
        print("counting", flush=True)
        async with asyncio.timeout(120):
            await tally.done.wait()
        pings = sockets * 16
        assert tally.got - tally.wanted <= pings, f"{tally.got} bytes, not {tally.wanted}"
        print(time.monotonic(), flush=True)
