"""A job's events as Server-Sent Events: the same bodies as the WebSocket's."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.security import HTTPBearer
from starlette.types import Receive, Scope, Send

from common.errors import Unavailable
from common.identity import Identity
from common.logs import bind_workspace, get_logger
from common.web.models import ErrorEnvelope
from events.domain import connections as codes
from events.domain.event import Batch, DeltaFrame, EventFrame
from events.domain.jobs import valid_job_id
from events.domain.ports import TooSlow
from events.domain.relay import Joined
from events.domain.token_lifetime import TokenLifetime
from events.domain.watch import Watch
from events.routes.bodies import AfterSeq
from events.routes.caller import client_address, stream_token
from events.routes.send_buffer import SendBuffer
from events.routes.sinks import abort
from events.routes.use_cases import UseCases

log = get_logger(__name__)

_RETRY = b"retry: 2000\n\n"
_HEARTBEAT = b": still here\n\n"
_SCHEME = HTTPBearer(
    bearerFormat="JWT", auto_error=False, description="An access token, API key or sandbox token"
)
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events, ending with the job's terminal event. The schema is that of one "
        "event; on the wire each is lines of text, followed by an empty one:\n\n"
        "```\nid: 8\nevent: progress\n"
        'data: {"type":"progress","job_id":"job_qwerty123","seq":8,"timestamp":'
        '"2026-11-27T14:44:54.889Z","attempt":1,"progress":50,"current_task":"Write a report"}\n```',
        "content": {
            "text/event-stream": {"schema": {"$ref": "#/components/schemas/StreamedEvent"}}
        },
    },
    204: {"description": "The job is over and the client has its last event: do not come back"},
    429: {"model": ErrorEnvelope, "description": "Too many open connections"},
}


_AfterSeqQuery = Annotated[AfterSeq, Query(description="Start after the event with this `seq`")]
_LastEventId = Annotated[
    AfterSeq | None,
    Header(alias="Last-Event-ID", description="Same as `after_seq`, and takes precedence over it"),
]
_Deltas = Annotated[
    bool,
    Query(
        description="Also send the text that a model is writing, as events `text_delta` without an `id`"
    ),
]


def stream_routes(use_cases: UseCases) -> APIRouter:
    """Return `GET /executions/{job_id}/events`."""
    router = APIRouter(tags=["Executions"])

    @router.get(
        "/executions/{job_id}/events",
        summary="Follow an execution's events (SSE)",
        response_class=Response,
        responses=_ANSWERS,
    )
    async def stream_execution_events(
        request: Request,
        job_id: Annotated[str, Path(max_length=200)],
        _: Annotated[object, Depends(_SCHEME)],
        after_seq: _AfterSeqQuery = 0,
        last_event_id: _LastEventId = None,
        deltas: _Deltas = False,
    ) -> Response:
        """The same events as the WebSocket: `id` is `seq`, `event` is `type`, `data` the event.

        Events that are there already come first, then live ones as they happen. The stream ends
        after `execution_complete`, `error` or `execution_stopped`.
        """
        token = stream_token(request.scope)
        identity = await use_cases.authenticator.identify(token, client_address(request.scope))
        bind_workspace(identity.workspace_id)
        stream = EventStream(use_cases, identity, valid_job_id(job_id), deltas=deltas)
        return await stream.open(token, after_seq if last_event_id is None else last_event_id)

    return router


def sse(event: EventFrame) -> bytes:
    """Return the event in the text format of the HTML standard, section 9.2."""
    lines = event.body.splitlines()
    data = b"".join(b"data: %b\n" % line for line in lines)
    return b"id: %d\nevent: %b\n%b\n" % (event.seq, event.type.encode(), data)


def sse_delta(body: bytes) -> bytes:
    """Return a delta in the same format. Without an `id`, it is not what a client resumes after."""
    return b"event: text_delta\ndata: %b\n\n" % body


class StreamSink:
    """A buffer of events in the SSE format."""

    def __init__(self, buffer: SendBuffer) -> None:
        self._buffer = buffer

    @property
    def ready(self) -> bool:
        return self._buffer.ready

    def write(self, batch: Batch) -> None:
        """Queue the batch."""
        self._buffer.put(batch.encoding(sse))

    def write_delta(self, delta: DeltaFrame) -> None:
        """Queue the delta."""
        self._buffer.put(delta.encoding(sse_delta))

    async def wait_until_ready(self) -> None:
        """Return when `ready`."""
        await self._buffer.wait_until_ready()


class EventStream(Response):
    """One client's stream. It ends by itself with the job, the token, the process, or the client."""

    def __init__(
        self, use_cases: UseCases, identity: Identity, job_id: str, *, deltas: bool
    ) -> None:
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
            media_type="text/event-stream",
        )
        del self.headers["content-length"]
        self._use_cases = use_cases
        self._workspace_id = identity.workspace_id
        self._identity = identity
        self._job_id = job_id
        self._deltas = deltas
        self._buffer = SendBuffer(use_cases.settings.slow_client_seconds)
        self._broken = asyncio.Event()
        self._lifetime: TokenLifetime | None = None
        self._watch: Watch | None = None

    @property
    def identity(self) -> Identity | None:
        return self._lifetime.identity if self._lifetime is not None else self._identity

    def end(self, code: int, reason: str) -> None:
        """End the stream after what is queued. HTTP has no closing codes; `code` is only logged."""
        log.info("a stream ends", job_id=self._job_id, code=code, reason=reason)
        self._buffer.finish()

    async def open(self, token: str, after_seq: int) -> Response:
        """Join the job, and return this response - or an empty one when nothing will come.

        Raises what `Relay.join` raises, and `RateLimited`.
        """
        connections = self._use_cases.connections
        if connections.stopping:
            raise Unavailable("The server restarts.")
        connections.admit(self, "sse")
        try:
            connections.assign(self, self._workspace_id)
            ended = (codes.UNAUTHORIZED, "the token has expired")
            self._lifetime = TokenLifetime(
                self._use_cases.authenticator, token, self._identity, lambda: self.end(*ended)
            )
            joined = await self._join(after_seq)
        except BaseException:
            self._close()
            raise
        if joined.over:
            self._close()
            return Response(status_code=204)
        self._buffer.put(_RETRY)
        joined.watch.start(joined.first)
        return self

    async def _join(self, after_seq: int) -> Joined:
        sink = StreamSink(self._buffer)
        relay = self._use_cases.relay
        joined = await relay.join(
            self._workspace_id,
            self._job_id,
            after_seq,
            sink,
            self._end_watch,
            deltas=self._deltas,
        )
        self._watch = joined.watch
        return joined

    def _end_watch(self, reason: Exception | None) -> None:
        if reason is None:
            self._buffer.finish()
            return
        if isinstance(reason, TooSlow):
            self._use_cases.meters.count_slow_client()
        log.warning("a stream was cut off", job_id=self._job_id, reason=str(reason))
        self._broken.set()

    def _close(self) -> None:
        self._use_cases.connections.remove(self)
        if self._lifetime is not None:
            self._lifetime.close()
        if self._watch is not None:
            self._use_cases.relay.leave(self._workspace_id, self._job_id, self._watch)
            self._watch = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pump = asyncio.create_task(self._pump(send))
        gone = asyncio.create_task(_wait_for_disconnect(receive))
        guard = asyncio.create_task(self._break_off(scope, pump))
        try:
            await asyncio.wait({pump, gone}, return_when=asyncio.FIRST_COMPLETED)
            if pump.done() and not pump.cancelled():
                pump.result()
        finally:
            self._close()
            await _cancel({pump, gone, guard})

    async def _break_off(self, scope: Scope, pump: "asyncio.Task[None]") -> None:
        """Cut it off, for a client that does not even read what has been sent."""
        await self._broken.wait()
        if not abort(scope):
            pump.cancel()

    async def _pump(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while True:
            chunks = await self._next()
            if not chunks:
                break
            await send({"type": "http.response.body", "body": b"".join(chunks), "more_body": True})
            self._buffer.free(chunks)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self) -> list[bytes]:
        """Return what to send next: events, a heartbeat, or nothing at the end."""
        try:
            async with asyncio.timeout(self._use_cases.settings.heartbeat_seconds):
                return await self._buffer.take()
        except TimeoutError:
            self._buffer.put(_HEARTBEAT)
            return await self._buffer.take()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
