"""What is recorded of each request: a span, a duration, a line in the access log."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from structlog.contextvars import bind_contextvars

from common.telemetry import SECONDS, Telemetry, extract, untraced_context
from common.web.requests import METHODS, PROBES
from gateway.routes.visit import Visit

_logger = logging.getLogger("gateway.access")
_EVERY = 0.2
"""Seconds that lines are held back, so that they are written together."""
_QUIET = frozenset({"healthz", "readyz"})
_NOTHING = Context()


class AccessLog:
    """A line for every request, in the form of the other log lines.

    Lines are written directly, a few times a second: passing each through the logging machinery would
    cost more than the rest of the request. `KASAL_LOG_LEVEL=WARNING` turns them off.
    """

    def __init__(self, *, pretty: bool, write: Callable[[str], object] | None = None) -> None:
        self._pretty = pretty
        self._write = write or _to_stderr
        self._held: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, visit: Visit, seconds: float) -> None:
        """Remember one served request."""
        if not _logger.isEnabledFor(logging.INFO):
            return
        self._held.append(self._line(visit, seconds))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_EVERY, self.flush)

    def _line(self, visit: Visit, seconds: float) -> bytes:
        now = datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z")
        milliseconds = round(seconds * 1000, 1)
        if self._pretty:
            text = (
                f"{now} [info     ] {visit.method} {visit.path} {visit.status} {milliseconds} ms"
                f" [gateway] request_id={visit.request_id}"
            )
            return text.encode("ascii", "backslashreplace")
        fields = {
            "service": "gateway",
            "request_id": visit.request_id,
            "method": visit.method,
            "path": visit.path,
            "status": visit.status,
            "milliseconds": milliseconds,
            "trace_id": visit.traceparent[3:35],
            "event": "request served",
            "logger": "gateway.access",
            "level": "info",
            "timestamp": now,
        }
        if visit.workspace_id:
            fields["workspace_id"] = visit.workspace_id
        return orjson.dumps(fields)

    def flush(self) -> None:
        """Write what is held."""
        self._timer = None
        if self._held:
            lines, self._held = self._held, []
            self._write(b"\n".join(lines).decode() + "\n")


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


class Records:
    """Begins and ends the record of a request."""

    def __init__(self, telemetry: Telemetry, access_log: AccessLog) -> None:
        self._tracer = telemetry.tracer
        self._log = access_log
        self._seconds = telemetry.meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP requests",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._limited = telemetry.meter.create_counter(
            "kasal.gateway.rate_limited", description="Requests refused because a window is spent"
        )

    def begin(self, visit: Visit) -> None:
        """Open the span; `visit.traceparent` is what services continue."""
        traceparent = visit.header(b"traceparent")
        parent = extract({"traceparent": traceparent}) if traceparent else _NOTHING
        if not traceparent and visit.path in PROBES:
            parent = untraced_context()
        span: Span = self._tracer.start_span(visit.method, parent, kind=SpanKind.SERVER)
        context = span.get_span_context()
        if context.is_valid:
            flags = int(context.trace_flags)
            visit.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"
        visit.span = span
        # The gateway's own requests to auth belong to this trace, and to this request in the log.
        if context.trace_flags.sampled:
            otel_context.attach(set_span_in_context(span, parent))
        bind_contextvars(service="gateway", request_id=visit.request_id)

    def count_limited(self, window: str) -> None:
        """Count a request that was refused because `window` is spent."""
        self._limited.add(1, {"window": window})

    def end(self, visit: Visit) -> None:
        """Close the span, and record the duration and the line. `visit.route` names the service."""
        seconds = time.perf_counter() - visit.started
        attributes: dict[str, str | int] = {
            "http.request.method": visit.method if visit.method in METHODS else "_OTHER",
            "http.response.status_code": visit.status,
            "http.route": visit.route,
        }
        span: Span = visit.span
        if span.is_recording():
            span.update_name(f"{attributes['http.request.method']} {visit.route}".strip())
            span.set_attributes({**attributes, **_span_attributes(visit)})
            if visit.status >= 500:
                span.set_status(Status(StatusCode.ERROR))
        span.end()
        self._seconds.record(seconds, attributes)
        if visit.route not in _QUIET:
            self._log.add(visit, seconds)


def _span_attributes(visit: Visit) -> dict[str, str]:
    attributes = {
        "url.path": visit.path,
        "url.scheme": visit.scope["scheme"],
        "kasal.request_id": visit.request_id,
    }
    workspace = visit.workspace_id
    return {**attributes, "kasal.workspace_id": workspace} if workspace else attributes


def is_pretty(log_format: str) -> bool:
    """Return whether logs are read by a person, as `common.logs` decides it."""
    return log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())
