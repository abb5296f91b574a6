"""Passing a request on to a service and its answer back, both streamed, neither parsed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import aiohttp
from multidict import CIMultiDict
from starlette.types import Receive, Send
from yarl import URL

from common.client import READING, Address, Addresses
from common.errors import KasalError, PayloadTooLarge, Unavailable, UpstreamTimeout
from common.logs import get_logger
from common.requests import unsaid
from gateway.domain.routing import Target
from gateway.routes.answers import allow
from gateway.routes.visit import Visit, kept_of_answer

log = get_logger(__name__)

_WHOLE = 65_536
"""Bodies up to this many bytes are handed on in one piece."""
_WATCH_AFTER = 0.2
"""Seconds after which a client that waits for its answer is watched for going away."""
_CONNECT_WITHIN = 5.0
_CLOSE_WITHIN = 2.0
_LARGEST_FRAME = 16 * 1_048_576
_STREAM_SILENCE = 90.0
"""Seconds without a byte, heartbeats included, after which an event stream is given up."""
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class ClientGone(Exception):  # noqa: N818 - it says what happened
    """The client has closed its connection; nobody waits for an answer any more."""


class Upstream:
    """A service and the connections to it; `urls` is its address, or several with commas.

    `connections` is how many each address gets.
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
        data: bytes | AsyncIterator[bytes] | None,
        *,
        streamed: bool,
    ) -> aiohttp.ClientResponse:
        """Send a request and return the answer, whose body is to be read.

        `target` is the path and query as they came. Raises what aiohttp raises.
        """

        async def once(address: Address) -> aiohttp.ClientResponse:
            return await address.session.request(
                method,
                URL(address.base + target, encoded=True),
                headers=headers,
                data=data,
                allow_redirects=False,
                timeout=self._streaming if streamed else self._usual,
            )

        return await self._addresses.ask(once, repeatable=method in READING and data is None)

    async def socket(
        self, target: str, headers: CIMultiDict[str], protocols: Sequence[str]
    ) -> aiohttp.ClientWebSocketResponse[bool]:
        """Open a WebSocket. Raises what aiohttp raises."""

        async def once(address: Address) -> aiohttp.ClientWebSocketResponse[bool]:
            return await address.session.ws_connect(
                URL(address.base + target, encoded=True),
                protocols=protocols,
                headers=headers,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_WITHIN),
                max_msg_size=_LARGEST_FRAME,
            )

        return await self._addresses.ask(once, repeatable=True)

    async def ping(self) -> None:
        """Return if the service can answer requests; raises what aiohttp raises otherwise."""
        timeout = aiohttp.ClientTimeout(total=2)

        async def once(address: Address) -> None:
            async with address.session.get(
                address.base + "/readyz?for=traffic", timeout=timeout
            ) as answer:
                answer.raise_for_status()

        await self._addresses.ask(once, repeatable=True)

    def fault(self, error: BaseException) -> KasalError:
        """Return what a client is told when asking this service ended in `error`."""
        told = {"service": self.name}
        if isinstance(error, TimeoutError) and not isinstance(
            error, aiohttp.ConnectionTimeoutError
        ):
            return UpstreamTimeout(f"The service {self.name} did not answer in time.", details=told)
        return Unavailable(f"The service {self.name} cannot be reached.", details=told)


class _Body:
    """A request's body on its way. `complete` tells that all of it has been taken."""

    def __init__(self, receive: Receive, largest: int) -> None:
        self._receive = receive
        self._largest = largest
        self.taken = 0
        self.complete = False
        self.gone = False
        self.too_large = False

    async def part(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.gone = True
            raise ClientGone
        part: bytes = message.get("body", b"")
        self.complete = not message.get("more_body", False)
        self.taken += len(part)
        if self.taken > self._largest:
            self.too_large = True
            raise PayloadTooLarge(f"The body is larger than {self._largest} bytes.")
        return part

    async def whole(self) -> bytes:
        parts = []
        while not self.complete:
            parts.append(await self.part())
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def parts(self) -> AsyncIterator[bytes]:
        while not self.complete:
            part = await self.part()
            if part:
                yield part


class _Watch:
    """Cancels a task when its client goes away. Costs a timer; a task only where it takes long."""

    def __init__(self, receive: Receive, body: _Body | None) -> None:
        self._receive = receive
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._served = asyncio.current_task()
        self._watching: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(_WATCH_AFTER, self._begin)
        self._gone = False

    def _begin(self) -> None:
        if self._body is not None and not self._body.complete:
            self._timer = self._loop.call_later(_WATCH_AFTER, self._begin)
        else:
            self._watching = self._loop.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._served is not None:
            self._served.cancel()

    def caused_it(self) -> bool:
        """Return whether it was the watch that cancelled the task, which then may go on."""
        if self._gone and self._served is not None:
            return self._served.uncancel() == 0
        return False

    def end(self) -> None:
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()


class Forwarder:
    """Hands requests to services. `methods` tells what the public API knows of a path."""

    def __init__(
        self,
        upstreams: dict[str, Upstream],
        max_body: int,
        methods: Callable[[str], Sequence[str]],
    ) -> None:
        self._upstreams = upstreams
        self._max_body = max_body
        self._methods = methods

    async def forward(self, visit: Visit, target: Target, receive: Receive, send: Send) -> None:
        """Ask the target's service and pass its answer on.

        Raises a `KasalError` while nothing has been answered, and `ClientGone`.
        """
        body = self._body(visit, receive)
        data: bytes | AsyncIterator[bytes] | None = None
        if body is not None:
            length = visit.header(b"content-length")
            if length and int(length) <= _WHOLE:
                data = await body.whole()
            else:
                data = body.parts()
                if length:
                    visit.carried["Content-Length"] = length
        watch = _Watch(receive, body)
        try:
            await self._exchange(visit, target, data, send)
        except asyncio.CancelledError:
            if watch.caused_it():
                raise ClientGone from None
            raise
        except (aiohttp.ClientError, OSError) as fault:
            raise self._told(visit, target, body, fault) from fault
        finally:
            watch.end()

    def _told(
        self, visit: Visit, target: Target, body: _Body | None, fault: Exception
    ) -> Exception:
        if body is not None and body.gone:
            return ClientGone()
        if body is not None and body.too_large:
            return self._too_large()
        log.warning(
            "a service cannot be asked",
            upstream=target.service,
            path=visit.path,
            request_id=visit.request_id,
            reason=repr(fault),
        )
        return self._upstreams[target.service].fault(fault)

    def _body(self, visit: Visit, receive: Receive) -> _Body | None:
        length = visit.header(b"content-length")
        if length:
            if int(length) > self._max_body:
                raise self._too_large()
            return _Body(receive, self._max_body) if length != "0" else None
        return _Body(receive, self._max_body) if visit.header(b"transfer-encoding") else None

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"The body is larger than {self._max_body} bytes.")

    async def _exchange(
        self,
        visit: Visit,
        target: Target,
        data: bytes | AsyncIterator[bytes] | None,
        send: Send,
    ) -> None:
        answer = await self._upstreams[target.service].request(
            "GET" if visit.method == "HEAD" else visit.method,
            target.path + visit.query_text(),
            visit.carried,
            data,
            streamed=target.streamed,
        )
        try:
            await self._pass_on(visit, answer, send)
        finally:
            answer.release()

    async def _pass_on(self, visit: Visit, answer: aiohttp.ClientResponse, send: Send) -> None:
        headers = kept_of_answer(answer.raw_headers)
        if answer.status == 405:  # a service names the methods of one of its handlers only
            headers = [header for header in headers if header[0] != b"allow"]
            headers.append(allow(self._methods(visit.path)))
        headers += visit.extra
        headers += unsaid(headers)
        length = answer.content_length
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        if visit.method == "HEAD":
            answer.close()  # its body, which may have no end, is not wanted
            visit.status = answer.status
            await send(start)
            await send({"type": "http.response.body"})
        elif length is not None and length <= _WHOLE:
            body = await answer.read()
            visit.status = answer.status
            await send(start)
            await send({"type": "http.response.body", "body": body})
        else:
            visit.status = answer.status
            await send(start)
            async for part in answer.content.iter_any():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body"})
