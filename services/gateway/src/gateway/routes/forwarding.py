"""Forwards a request to a service and its answer back: both streamed, neither parsed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from starlette.types import Receive, Send

from common.errors import PayloadTooLarge, Unavailable, UpstreamTimeout, cause_text
from common.logs import get_logger
from common.web.requests import unsaid
from gateway.domain.ports import Upstream, UpstreamAnswer
from gateway.domain.routing import Target
from gateway.routes.answers import allow
from gateway.routes.request_body import ClientGone, DepartureWatch, RequestBody
from gateway.routes.visit import Visit, kept_of_answer

log = get_logger(__name__)

_WHOLE = 65_536
"""Bodies up to this many bytes are passed on in one piece."""


class Forwarder:
    """Forwards requests to services. `methods` returns the methods that the API has for a path.

    A body has at most `max_body` bytes, one with a file `max_upload`.
    """

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        max_body: int,
        methods: Callable[[str], Sequence[str]],
        max_upload: int | None = None,
    ) -> None:
        self._upstreams = upstreams
        self._max_body = max_body
        self._max_upload = max_body if max_upload is None else max_upload
        self._methods = methods

    async def forward(self, visit: Visit, target: Target, receive: Receive, send: Send) -> None:
        """Send the request to the target's service and pass its answer on.

        Raises a `KasalError` while nothing has been answered, and `ClientGone`.
        """
        most = self._max_upload if target.upload else self._max_body
        body = _body(visit, receive, most)
        data: bytes | AsyncIterator[bytes] | None = None
        if body is not None:
            length = visit.header(b"content-length")
            if length and int(length) <= _WHOLE:
                data = await body.whole()
            else:
                data = body.parts()
                if length:
                    visit.carried["Content-Length"] = length
        watch = DepartureWatch(receive, body)
        try:
            await self._send_on(visit, target, data, send)
        except asyncio.CancelledError:
            if watch.has_cancelled():
                raise ClientGone from None
            raise
        except (Unavailable, UpstreamTimeout) as fault:
            raise self._cause(visit, target, body, fault) from fault
        finally:
            watch.end()

    def _cause(
        self,
        visit: Visit,
        target: Target,
        body: RequestBody | None,
        fault: Unavailable | UpstreamTimeout,
    ) -> Exception:
        """Return the cause of a failed request: the body that the client sent, or else the service."""
        if body is not None and body.gone:
            return ClientGone()
        if body is not None and body.too_large:
            return _too_large(body.largest)
        log.warning(
            "a service cannot be reached",
            upstream=target.service,
            path=visit.path,
            request_id=visit.request_id,
            reason=cause_text(fault.__cause__),
        )
        return fault

    async def _send_on(
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

    async def _pass_on(self, visit: Visit, answer: UpstreamAnswer, send: Send) -> None:
        headers = kept_of_answer(answer.headers)
        if answer.status == 405:  # a service names the methods of one of its handlers only
            headers = [header for header in headers if header[0] != b"allow"]
            headers.append(allow(self._methods(visit.path)))
        headers += visit.extra
        headers += unsaid(headers)
        length = answer.length
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        if visit.method == "HEAD":
            answer.drop()
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
            while part := await answer.read_part():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body"})


def _body(visit: Visit, receive: Receive, most: int) -> RequestBody | None:
    length = visit.header(b"content-length")
    if length:
        if int(length) > most:
            raise _too_large(most)
        return RequestBody(receive, most) if length != "0" else None
    return RequestBody(receive, most) if visit.header(b"transfer-encoding") else None


def _too_large(most: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {most} bytes.")
