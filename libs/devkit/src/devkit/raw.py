"""A WebSocket client that can do what no library allows: send any frame, and read nothing."""

import asyncio
import base64
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
_SMALL_BUFFER = 4_096


def frame(opcode: int, payload: bytes = b"", *, last: bool = True) -> bytes:
    """Return a client frame (RFC 6455, section 5.2) of up to 65,535 bytes, masked with zeros."""
    head = bytes([opcode | (0x80 if last else 0)])
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return head + length + bytes(4) + payload


class RawSocket:
    """A connection after its opening handshake; `handshake` is the server's response."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handshake: bytes
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.handshake = handshake

    async def flood(self, piece: bytes, most: int, within: float) -> tuple[int, bool]:
        """Send `piece` repeatedly, at most `most` bytes, without reading.

        Returns how many bytes the server and the network have accepted, and whether the server ended
        the connection `within` that many seconds.
        """
        sent = 0
        try:
            async with asyncio.timeout(within):
                while sent < most:
                    self.writer.write(piece)
                    await self.writer.drain()
                    sent += len(piece)
        except TimeoutError:
            return sent, False
        except OSError:
            return sent, True
        return sent, False

    async def closing_code(self, within: float) -> int | None:
        """Read until the server's close frame and return its code; None if the connection just ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            async with asyncio.timeout(within):
                while True:
                    first, second = await self.reader.readexactly(2)
                    size = second & 0x7F
                    if size > 125:
                        size = int.from_bytes(
                            await self.reader.readexactly(2 if size == 126 else 8)
                        )
                    payload = await self.reader.readexactly(size)
                    if first & 0x0F == CLOSE:
                        return int.from_bytes(payload[:2])
        return None

    async def ended(self, within: float) -> bool:
        """Say whether the server ends the connection `within` that many seconds."""
        with contextlib.suppress(OSError):
            try:
                async with asyncio.timeout(within):
                    while await self.reader.read(65_536):
                        pass
            except TimeoutError:
                return False
        return True


@asynccontextmanager
async def raw_socket(
    url: str, headers: dict[str, str] | None = None, *, small: bool = True
) -> AsyncIterator[RawSocket]:
    """Open a WebSocket at `url` (`http://…`); `small` shrinks the system's buffers on this side."""
    parts = urlsplit(url)
    link = socket.socket()
    if small:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
    link.setblocking(False)
    await asyncio.get_running_loop().sock_connect(link, (parts.hostname, parts.port))
    reader, writer = await asyncio.open_connection(sock=link, limit=_SMALL_BUFFER)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = {
        "Host": parts.netloc,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
        **(headers or {}),
    }
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"GET {target} HTTP/1.1\r\n{fields}\r\n".encode())
    try:
        handshake = await reader.readuntil(b"\r\n\r\n")
        yield RawSocket(reader, writer, handshake)
    finally:
        writer.transport.abort()
