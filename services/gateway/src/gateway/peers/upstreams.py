"""Connections to the services behind the gateway, whose answers are passed on unread."""

from collections.abc import AsyncIterable, Iterator, Sequence
from contextlib import contextmanager

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from common.client import READING, Address, Addresses
from common.errors import Unavailable, UpstreamTimeout, from_status
from gateway.domain.ports import Headers, SocketClosed

_CONNECT_WITHIN = 5.0
_CLOSE_WITHIN = 2.0
_LARGEST_FRAME = 16 * 1_048_576
_STREAM_SILENCE = 90.0
"""Seconds without a byte, heartbeats included, after which an event stream is given up."""
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class ServiceUpstream:
    """A service and the connections to it; an `Upstream`.

    `urls` is its address, or several separated by commas; each gets as many `connections`.
    """

    def __init__(self, name: str, urls: str, timeout: float, connections: int) -> None:
        self.name = name
        self._usual = aiohttp.ClientTimeout(
            total=None, connect=timeout, sock_connect=_CONNECT_WITHIN, sock_read=timeout
        )
        self._streaming = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_WITHIN, sock_read=_STREAM_SILENCE
        )
        self._addresses = Addresses(urls, self._session, connections)

    def _session(self, link: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=link,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._usual,
            auto_decompress=False,
            skip_auto_headers=_AUTOMATIC,
        )

    def open(self) -> None:
        self._addresses.open()

    async def close(self) -> None:
        await self._addresses.close()

    async def request(
        self,
        method: str,
        target: str,
        headers: CIMultiDict[str],
        data: bytes | AsyncIterable[bytes] | None,
        *,
        streamed: bool,
    ) -> "ServiceAnswer":
        """Send a request and return the answer with its body unread."""

        async def once(address: Address) -> aiohttp.ClientResponse:
            return await address.session.request(
                method,
                URL(address.base + target, encoded=True),
                headers=headers,
                data=data,
                allow_redirects=False,
                timeout=self._streaming if streamed else self._usual,
            )

        repeatable = method in READING and data is None
        try:
            return ServiceAnswer(self.name, await self._addresses.ask(once, repeatable=repeatable))
        except (aiohttp.ClientError, OSError) as fault:
            raise upstream_error(self.name, fault) from fault

    async def socket(
        self, target: str, headers: CIMultiDict[str], protocols: Sequence[str]
    ) -> "ServiceSocket":
        """Open a WebSocket."""

        async def once(address: Address) -> aiohttp.ClientWebSocketResponse[bool]:
            return await address.session.ws_connect(
                URL(address.base + target, encoded=True),
                protocols=protocols,
                headers=headers,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_WITHIN),
                max_msg_size=_LARGEST_FRAME,
            )

        try:
            return ServiceSocket(self.name, await self._addresses.ask(once, repeatable=True))
        except aiohttp.WSServerHandshakeError as fault:
            raise from_status(fault.status) from None
        except (aiohttp.ClientError, OSError) as fault:
            raise upstream_error(self.name, fault) from fault

    async def ping(self) -> None:
        """Return if the service can answer requests; raises what aiohttp raises otherwise."""
        timeout = aiohttp.ClientTimeout(total=2)

        async def once(address: Address) -> None:
            async with address.session.get(
                address.base + "/readyz?for=traffic", timeout=timeout
            ) as answer:
                answer.raise_for_status()

        await self._addresses.ask(once, repeatable=True)


def upstream_error(service: str, fault: BaseException) -> Unavailable | UpstreamTimeout:
    """Return the error for the client when a call to `service` ended in `fault`."""
    details = {"service": service}
    if isinstance(fault, TimeoutError) and not isinstance(fault, aiohttp.ConnectionTimeoutError):
        return UpstreamTimeout(f"The service {service} did not answer in time.", details=details)
    return Unavailable(f"The service {service} cannot be reached.", details=details)


class ServiceAnswer:
    """An answer whose body has not been read; an `UpstreamAnswer`."""

    __slots__ = ("_answer", "_service", "headers", "length", "status")

    def __init__(self, service: str, answer: aiohttp.ClientResponse) -> None:
        self._service = service
        self._answer = answer
        self.status = answer.status
        self.headers: Headers = answer.raw_headers
        self.length = answer.content_length

    async def read(self) -> bytes:
        """Return the whole body."""
        try:
            return await self._answer.read()
        except (aiohttp.ClientError, OSError) as fault:
            raise upstream_error(self._service, fault) from fault

    async def read_part(self) -> bytes:
        """Return what has arrived of the body; nothing at its end."""
        try:
            return await self._answer.content.readany()
        except (aiohttp.ClientError, OSError) as fault:
            raise upstream_error(self._service, fault) from fault

    def drop(self) -> None:
        """Close the connection without reading the body, which may have no end."""
        self._answer.close()

    def release(self) -> None:
        """Give the connection back."""
        self._answer.release()


class ServiceSocket:
    """A WebSocket to a service; an `UpstreamSocket`."""

    def __init__(self, service: str, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._service = service
        self._socket = socket

    @property
    def protocol(self) -> str | None:
        return self._socket.protocol

    async def receive(self) -> str | bytes:
        """Return the next message. Raises `SocketClosed`."""
        frame = await self._socket.receive()
        if frame.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
            message: str | bytes = frame.data
            return message
        if frame.type is aiohttp.WSMsgType.CLOSE:
            raise SocketClosed(frame.data, str(frame.extra or ""))
        by_us = frame.type is aiohttp.WSMsgType.CLOSING
        raise SocketClosed(None, "The service is restarting; reconnect.", by_us=by_us)

    async def send(self, message: str | bytes) -> None:
        """Send a message, no faster than the service reads."""
        with self._translate_errors():
            if isinstance(message, str):
                await self._socket.send_str(message)
            else:
                await self._socket.send_bytes(message)

    async def close(self, code: int, reason: str = "") -> None:
        """Close it; a second time does nothing."""
        with self._translate_errors():
            await self._socket.close(code=code, message=reason.encode())

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (aiohttp.ClientError, OSError) as fault:
            raise upstream_error(self._service, fault) from fault
