# ruff: noqa: N818 - they are named for what happened, as HTTP names them
"""The errors of the platform: one class per code, and their envelope.

Rules raise these; `common.web.http` turns them into answers. They know nothing of a web framework.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class KasalError(Exception):
    """Base of all errors that callers see.

    `message` is one plain sentence. `details` carry `field` (a dotted path) and `reason` where a
    part of the request is wrong. `retry_after` is in seconds and becomes `Retry-After`.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"
    title: ClassVar[str] = "Internal Error"

    def __init__(
        self,
        message: str | None = None,
        *,
        field: str | None = None,
        reason: str | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = message or self.title
        self.details: dict[str, Any] = dict(details or {})
        if field is not None:
            self.details["field"] = field
        if reason is not None:
            self.details["reason"] = reason
        self.retry_after = retry_after
        super().__init__(self.message)


class InvalidRequest(KasalError):
    """A body, query or path is malformed, or a rule of the domain is broken."""

    status, code, title = 400, "VALIDATION_ERROR", "Bad Request"


class Unauthorized(KasalError):
    """No token, or a bad, expired or revoked one; a wrong password."""

    status, code, title = 401, "UNAUTHORIZED", "Unauthorized"


class BudgetExceeded(KasalError):
    """The workspace has used what it may use in this month."""

    status, code, title = 402, "BUDGET_EXCEEDED", "Budget Exceeded"


class Forbidden(KasalError):
    """The caller's role is too low."""

    status, code, title = 403, "FORBIDDEN", "Forbidden"


class NotFound(KasalError):
    """No such resource in this workspace, or no such route."""

    status, code, title = 404, "NOT_FOUND", "Not Found"


class MethodNotAllowed(KasalError):
    """The route exists, but not for this method; `Allow` lists those it has."""

    status, code, title = 405, "METHOD_NOT_ALLOWED", "Method Not Allowed"


class NotAcceptable(KasalError):
    """The client accepts no media type that this route can produce."""

    status, code, title = 406, "NOT_ACCEPTABLE", "Not Acceptable"


class Conflict(KasalError):
    """The current state of the resource does not allow it."""

    status, code, title = 409, "CONFLICT", "Conflict"


class PreconditionFailed(KasalError):
    """`If-Match` does not match the resource's ETag."""

    status, code, title = 412, "PRECONDITION_FAILED", "Precondition Failed"


class PayloadTooLarge(KasalError):
    """The body is longer than the platform accepts."""

    status, code, title = 413, "PAYLOAD_TOO_LARGE", "Payload Too Large"


class UnsupportedMediaType(KasalError):
    """The route does not accept the body's media type."""

    status, code, title = 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type"


class RangeNotSatisfiable(KasalError):
    """`Range` asks for bytes beyond the end; `Content-Range` has the length."""

    status, code, title = 416, "RANGE_NOT_SATISFIABLE", "Range Not Satisfiable"


class IdempotencyKeyReused(KasalError):
    """The same Idempotency-Key came with another body."""

    status, code, title = 422, "IDEMPOTENCY_KEY_REUSED", "Idempotency Key Reused"


class RateLimited(KasalError):
    """A rate window is spent."""

    status, code, title = 429, "RATE_LIMIT", "Rate limit exceeded"


class InternalError(KasalError):
    """A bug. The log has the traceback, under the request's id; the answer never does."""


class Unavailable(KasalError):
    """Maintenance mode, or a service or backend that is down."""

    status, code, title = 503, "SERVICE_UNAVAILABLE", "Service Unavailable"

    def __init__(
        self, message: str | None = None, *, retry_after: float = 2.0, **rest: Any
    ) -> None:
        super().__init__(message, retry_after=retry_after, **rest)


class DatabaseUnavailable(Unavailable):
    """The database does not answer, or cannot serve now; `__cause__` is what its driver raised."""

    def __init__(self) -> None:
        super().__init__("The database does not answer.")


class UpstreamTimeout(KasalError):
    """A service did not answer in time."""

    status, code, title = 504, "TIMEOUT", "Gateway Timeout"


ALL_ERRORS: tuple[type[KasalError], ...] = (
    InvalidRequest,
    Unauthorized,
    BudgetExceeded,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    Conflict,
    PreconditionFailed,
    PayloadTooLarge,
    UnsupportedMediaType,
    RangeNotSatisfiable,
    IdempotencyKeyReused,
    RateLimited,
    InternalError,
    Unavailable,
    UpstreamTimeout,
)
_BY_STATUS = {kind.status: kind for kind in ALL_ERRORS}


def envelope(error: KasalError, request_id: str) -> dict[str, Any]:
    """Return the error body of the API for `error`."""
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "details": error.details,
            "request_id": request_id,
        }
    }


def problem(error: KasalError, request_id: str) -> dict[str, Any]:
    """Return the same facts as RFC 9457 problem details."""
    return {
        "type": f"urn:kasal:error:{error.code.lower().replace('_', '-')}",
        "title": error.title,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "details": error.details,
        "request_id": request_id,
    }


def from_status(status: int, body: Any = None) -> KasalError:
    """Return the error that a peer answered, from its `status` and envelope."""
    kind = _BY_STATUS.get(status, InvalidRequest if 400 <= status < 500 else InternalError)
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    return kind(error.get("message"), details=error.get("details"))


def cause_text(fault: BaseException | None) -> str:
    """Return the type and the message of `fault`, for a log line.

    Unlike its `repr`, this contains no headers of a request, and so no tokens: aiohttp's errors hold the request.
    """
    return f"{type(fault).__name__}: {fault}".removesuffix(": ")


def several(faults: Sequence[Mapping[str, Any]], message: str) -> InvalidRequest:
    """Return one 400 for one or more faults, each with `field` and `reason`."""
    first = faults[0]
    details: dict[str, Any] = {"field": first["field"], "reason": first["reason"]}
    if len(faults) > 1:
        details["errors"] = [dict(fault) for fault in faults]
    return InvalidRequest(message, details=details)
