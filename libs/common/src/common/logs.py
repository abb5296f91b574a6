"""Structured logs: JSON lines, or readable ones on a terminal, with the current ids.

What `bound` (or `bind_service`) binds is in every line of the same task and of tasks that it starts: `service`, `request_id`, `job_id`, `workspace_id`. Trace ids come from the current span.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace
from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars
from structlog.stdlib import BoundLogger

from common.contracts.texts import escape

bound = bound_contextvars


def bind_service(name: str) -> None:
    """Name the service in every log line of this task and of those it starts."""
    bind_contextvars(service=name)


def bind_workspace(workspace_id: str) -> None:
    """Name the caller's workspace in the log lines of this request."""
    bind_contextvars(workspace_id=workspace_id)


def bind_job(job_id: str) -> None:
    """Name the job that this request is about in its log lines."""
    bind_contextvars(job_id=job_id)


def logged_request() -> str:
    """Return the request id that log lines carry here, or an empty text."""
    return str(get_contextvars().get("request_id", ""))


def get_logger(name: str) -> BoundLogger:
    """Return the logger of a module; call it with an event in plain words and fields."""
    logger: BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def configure_logging(level: str = "INFO", style: str = "auto", service: str = "") -> None:
    """Set logging up for this process: `style` is `json`, `pretty` or `auto` (by terminal).

    `service` is the name in lines of threads and tasks without one of their own.
    """
    pretty = style == "pretty" or (style == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _add_service(service),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
    ]
    if pretty:
        shared += [structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False), _one_line]
    else:
        shared += [structlog.processors.TimeStamper(fmt="iso", utc=True), _add_trace_ids]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _StderrHandler()
    handler.setFormatter(_formatter(shared, pretty=pretty))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=not pretty)
    _quiet_libraries()


def _quiet_libraries() -> None:
    for noisy in ("uvicorn", "uvicorn.error", "uvicorn.access", "aio_pika", "pymongo"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
        logging.getLogger(noisy).handlers[:] = []
    logging.getLogger("uvicorn.error").addFilter(_says_something)
    # Their lines contain whole URLs, which may include a key; spans show model calls.
    for noisy in ("httpx", "httpx2"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # The bus logs once that the broker is down, without a traceback for each attempt.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)


def _says_something(record: logging.LogRecord) -> bool:
    # The line that ends a process says why; this one would come before it.
    return record.msg != "Application startup failed. Exiting."


class _StderrHandler(logging.StreamHandler[Any]):
    """Writes to the current `sys.stderr`, which a progress bar may have replaced."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr


def _formatter(shared: list[Any], *, pretty: bool) -> logging.Formatter:
    last: list[Any] = (
        [_console()]
        if pretty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _console() -> structlog.dev.ConsoleRenderer:
    # If `rich` is installed, the default shows all local variables: slow, and it reveals secrets.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _add_service(service: str) -> Any:
    def add(
        _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if service:
            event.setdefault("service", service)
        return event

    return add


def _one_line(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep users' text from starting a new line; JSON escapes line breaks anyway."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = escape(value)
    return event


def _add_trace_ids(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return event
    trace_id = format(context.trace_id, "032x")
    if (
        event.setdefault("trace_id", trace_id) == trace_id
    ):  # else it is about another request's work
        event["span_id"] = format(context.span_id, "016x")
    return event
