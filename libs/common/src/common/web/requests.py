"""What happens around every request: its id, its span, its log line, its size limit.

Plain ASGI, since Starlette's `BaseHTTPMiddleware` costs a task per request and breaks streaming.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import orjson
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from common.errors import (
    InternalError,
    KasalError,
    PayloadTooLarge,
    UnsupportedMediaType,
    envelope,
)
from common.ids import is_request_id, new_id
from common.logs import bind_service, get_logger
from common.process.starting import start_plainly
from common.telemetry import SECONDS, Telemetry, extract, untraced_context

log = get_logger(__name__)

_request_id: ContextVar[str] = ContextVar("kasal_request_id", default="")
_WITH_BODY = {"POST", "PUT", "PATCH"}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""The methods that metrics distinguish; any other is `_OTHER`, by OpenTelemetry's conventions."""
PROBES = frozenset({"/healthz", "/readyz"})


def current_request_id() -> str:
    """Return the id of the current request, or a new one outside of requests."""
    return _request_id.get() or new_id("req")


def header(scope: Scope, name: bytes) -> str:
    """Return a request header by its lower-case `name`, or an empty string."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


def take_request_id(given: str) -> str:
    """Return `given` if it is a well-formed request id, else a new one."""
    return given if is_request_id(given) else new_id("req")


_NOSNIFF = (b"x-content-type-options", b"nosniff")
_NO_STORE = (b"cache-control", b"no-store")


def unsaid(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the default headers that `headers` does not contain.

    They forbid guessing the content type, and caching (RFC 9111, section 5.2.2.5). An `ETag` still works
    with `If-Match`.
    """
    names = {name for name, _ in headers}
    return [line for line in (_NOSNIFF, _NO_STORE) if line[0] not in names]


class RequestRecorder:
    """Outermost: request id in and out, server span, metrics, access log, and bugs answered 500."""

    def __init__(self, app: ASGIApp, service: str, telemetry: Telemetry) -> None:
        self._app = app
        self._service = service
        self._tracer = telemetry.tracer
        self._seconds = telemetry.meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP requests",
            explicit_bucket_boundaries_advisory=SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            bind_service(self._service)
            await start_plainly(self._app, scope, receive, send)
            return
        clear_contextvars()
        request_id = take_request_id(header(scope, b"x-request-id"))
        _request_id.set(request_id)
        bind_service(self._service)
        bind_contextvars(request_id=request_id)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        await self._serve(scope, receive, send, request_id)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
                headers += unsaid(headers)
                headers.append((b"x-request-id", request_id.encode()))
                message["headers"] = headers
            await send(message)

        parent = _parent(scope)
        span = self._tracer.start_span(scope["method"], parent, kind=SpanKind.SERVER)
        token = otel_context.attach(trace.set_span_in_context(span, parent))
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            log.exception("a request failed with a bug", path=scope["path"])
            if status:
                raise
            await send_error(send_with_id, InternalError(), request_id)
        finally:
            self._finish(span, scope, status, time.perf_counter() - started)
            otel_context.detach(token)

    def _finish(self, span: trace.Span, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "")
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "http.response.status_code": status,
            "http.route": route,
        }
        if span.is_recording():
            span.update_name(f"{method} {route}".strip())
            span.set_attributes({**attributes, **_facts(scope)})
            if status >= 500 or not status:
                span.set_status(Status(StatusCode.ERROR))
        span.end()
        self._seconds.record(seconds, attributes)
        if route not in PROBES:
            log.info(
                "request served",
                method=scope["method"],
                path=scope["path"],
                status=status,
                milliseconds=round(seconds * 1000, 1),
            )


def _parent(scope: Scope) -> Context:
    """Return the caller's span. Probes and polls between services start no traces."""
    traceparent = header(scope, b"traceparent")
    if traceparent:
        return extract({"traceparent": traceparent})
    background = scope["path"] in PROBES or scope["path"].startswith("/internal/")
    return untraced_context() if background else Context()


def _facts(scope: Scope) -> dict[str, str]:
    facts = {
        "url.path": scope["path"],
        "url.scheme": scope["scheme"],
        "kasal.request_id": current_request_id(),
    }
    workspace = get_contextvars().get("workspace_id")
    return {**facts, "kasal.workspace_id": workspace} if workspace else facts


async def send_error(send: Send, error: KasalError, request_id: str) -> None:
    """Answer with `error`'s envelope from plain ASGI code."""
    body = orjson.dumps(envelope(error, request_id))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after))))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _BodyTooLarge(Exception):  # noqa: N818 - it says what happened
    pass


class RequestLimits:
    """Refuses bodies that are too large or not JSON before anything reads them.

    `uploads` are the paths that take a body of any media type by POST, each with its most bytes.
    """

    def __init__(self, app: ASGIApp, max_body: int, uploads: Mapping[str, int]) -> None:
        self._app = app
        self._max = max_body
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = self._uploads.get(scope["path"]) if scope["method"] == "POST" else None
        most = self._max if upload is None else upload
        fault = _length_fault(scope, most) or (_kind_fault(scope) if upload is None else None)
        if fault is not None:
            await send_error(send, fault, current_request_id())
            return
        taken, answered = 0, False

        async def receive_within_limit() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise _BodyTooLarge
            return message

        async def send_unless_refused(message: Message) -> None:
            # A framework may turn what `receive_within_limit` raises into an answer of its own.
            nonlocal answered
            if taken <= most or answered:
                answered = True
                await send(message)

        with contextlib.suppress(_BodyTooLarge):
            await self._app(scope, receive_within_limit, send_unless_refused)
        if taken > most and not answered:
            await send_error(send, _too_large(most), current_request_id())


def _too_large(most: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {most} bytes.")


def _length_fault(scope: Scope, most: int) -> KasalError | None:
    length = header(scope, b"content-length")
    return _too_large(most) if length.isdigit() and int(length) > most else None


def _kind_fault(scope: Scope) -> KasalError | None:
    length = header(scope, b"content-length")
    kind = header(scope, b"content-type").partition(";")[0].strip().lower()
    has_body = bool(length and length != "0") or bool(header(scope, b"transfer-encoding"))
    if scope["method"] not in _WITH_BODY or not has_body:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        return None
    if not kind and not length:  # may be an empty body of unknown length
        return None
    return UnsupportedMediaType(
        f"The body must be application/json; its Content-Type is {kind or 'missing'}.",
        field="Content-Type",
    )
