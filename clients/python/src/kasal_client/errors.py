"""What goes wrong, as exceptions: one class for each code of the API."""

from __future__ import annotations

from typing import Any


class KasalError(Exception):
    """Anything that this client raises."""


class UsageError(KasalError):
    """The client was called in a way that cannot work; the text says what to do."""


class ProfileError(UsageError):
    """There is nobody to speak as: no key, no login, or a profile that cannot be read."""


class ConnectionFailedError(KasalError):
    """The platform could not be reached, or the connection broke."""

    def __init__(self, message: str, *, is_unsent: bool = False) -> None:
        super().__init__(message)
        self.is_unsent = is_unsent
        """Whether the request has certainly not arrived."""


class RequestTimeoutError(ConnectionFailedError):
    """The platform did not answer within `timeout`."""


class ApiError(KasalError):
    """The platform refused a request. Its classes are named after the codes."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int,
        details: dict[str, Any] | None = None,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.details = details or {}
        self.request_id = request_id
        self.retry_after = retry_after
        """Seconds until the request may be sent again, if the platform says so."""

    @property
    def field(self) -> str | None:
        """The field that the refusal is about, as a dotted path."""
        return self.details.get("field")

    def __str__(self) -> str:
        place = f" [{self.field}]" if self.field else ""
        return (
            f"{self.message}{place} ({self.status} {self.code}, request {self.request_id or '?'})"
        )


class InvalidRequestError(ApiError):
    """VALIDATION_ERROR: a field is missing or wrong; `field` and `details` say which."""


class UnauthorizedError(ApiError):
    """UNAUTHORIZED: the key, token or password is wrong, has expired or was revoked."""


class BudgetExceededError(ApiError):
    """BUDGET_EXCEEDED: the workspace's budget of the month is spent."""


class ForbiddenError(ApiError):
    """FORBIDDEN: the role is too low."""


class NotFoundError(ApiError):
    """NOT_FOUND: there is no such thing in this workspace."""


class ConflictError(ApiError):
    """CONFLICT: it is not possible now, such as an answer to a question that has one."""


class PreconditionFailedError(ApiError):
    """PRECONDITION_FAILED: it was changed since the version in `if_match`."""


class PayloadTooLargeError(ApiError):
    """PAYLOAD_TOO_LARGE: the body, or the file, is larger than allowed."""


class UnsupportedMediaTypeError(ApiError):
    """UNSUPPORTED_MEDIA_TYPE: the body is of a type that the route does not take."""


class RangeNotSatisfiableError(ApiError):
    """RANGE_NOT_SATISFIABLE: the file does not have these bytes."""


class IdempotencyKeyReusedError(ApiError):
    """IDEMPOTENCY_KEY_REUSED: the key was used with another body."""


class RateLimitError(ApiError):
    """RATE_LIMIT: too many requests; wait for `retry_after` seconds."""


class InternalServerError(ApiError):
    """INTERNAL_ERROR: a bug of the platform; tell its operator the `request_id`."""


class ServiceUnavailableError(ApiError):
    """SERVICE_UNAVAILABLE: a part of the platform is away; try again."""


class GatewayTimeoutError(ApiError):
    """TIMEOUT: a part of the platform did not answer in time."""


CLASSES: dict[str, type[ApiError]] = {
    "VALIDATION_ERROR": InvalidRequestError,
    "UNAUTHORIZED": UnauthorizedError,
    "BUDGET_EXCEEDED": BudgetExceededError,
    "FORBIDDEN": ForbiddenError,
    "NOT_FOUND": NotFoundError,
    "CONFLICT": ConflictError,
    "PRECONDITION_FAILED": PreconditionFailedError,
    "PAYLOAD_TOO_LARGE": PayloadTooLargeError,
    "UNSUPPORTED_MEDIA_TYPE": UnsupportedMediaTypeError,
    "RANGE_NOT_SATISFIABLE": RangeNotSatisfiableError,
    "IDEMPOTENCY_KEY_REUSED": IdempotencyKeyReusedError,
    "RATE_LIMIT": RateLimitError,
    "INTERNAL_ERROR": InternalServerError,
    "SERVICE_UNAVAILABLE": ServiceUnavailableError,
    "TIMEOUT": GatewayTimeoutError,
}
"""The class of each code."""
_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequestError,
    401: UnauthorizedError,
    402: BudgetExceededError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: PreconditionFailedError,
    413: PayloadTooLargeError,
    415: UnsupportedMediaTypeError,
    416: RangeNotSatisfiableError,
    422: InvalidRequestError,
    429: RateLimitError,
    503: ServiceUnavailableError,
    504: GatewayTimeoutError,
}


class RunError(KasalError):
    """A run ended without a result."""

    def __init__(self, message: str, *, job_id: str, code: str) -> None:
        super().__init__(f"{message} ({code}, {job_id})")
        self.message = message
        self.job_id = job_id
        self.code = code


class RunFailed(RunError):  # noqa: N818 - it says what happened
    """The run failed: `code` is that of its `error` event, such as `REJECTED` or `TIMEOUT`."""

    def __init__(
        self, message: str, *, job_id: str, code: str, task_id: str | None = None, comment: str = ""
    ) -> None:
        super().__init__(message, job_id=job_id, code=code)
        self.task_id = task_id
        self.comment = comment


class RunStopped(RunError):  # noqa: N818 - it says what happened
    """The run was stopped before it was done; `code` is `STOPPED`."""


class RunTimeoutError(KasalError, TimeoutError):
    """The run has not ended within the time that `result` or `wait_for_question` was given. It goes on."""


def api_error(
    status: int, body: Any, *, request_id: str = "", retry_after: float | None = None
) -> ApiError:
    """Return the exception for a refusal; `body` is the decoded answer, whoever wrote it."""
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    code = str(error.get("code") or "")
    details = error.get("details")
    kind = CLASSES.get(code) or _BY_STATUS.get(status)
    if kind is None:
        kind = InternalServerError if status >= 500 else ApiError
    return kind(
        str(error.get("message") or f"The platform answered {status}."),
        code=code or f"HTTP_{status}",
        status=status,
        details=details if isinstance(details, dict) else {},
        request_id=str(error.get("request_id") or request_id),
        retry_after=retry_after,
    )
