"""What went wrong, in two lines: what it is, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kasal_client.errors import (
    ApiError,
    ConnectionFailedError,
    KasalError,
    ProfileError,
    RequestTimeoutError,
    RunTimeoutError,
    UsageError,
)

from .cleaning import one_line
from .exits import ExitCode

LISTED = 10
"""How many faults of one request are listed."""


class CommandError(KasalError):
    """Something that this command itself refuses: what it is, and what to do."""

    def __init__(
        self,
        what: str,
        advice: str,
        code: ExitCode = ExitCode.USAGE,
        *,
        places: Sequence[str] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(what)
        self.advice = advice
        self.code = code
        self.places = tuple(places)
        self.request_id = request_id


@dataclass(frozen=True)
class Fault:
    """What is told about an error, and the exit code."""

    what: str
    advice: str
    code: ExitCode
    places: tuple[str, ...] = ()
    """Each of several faults of a request."""
    request_id: str = ""


_ADVICE = {
    "UNAUTHORIZED": "Log in again: kasal login",
    "FORBIDDEN": "Ask an admin of the workspace for a higher role: kasal members ls",
    "BUDGET_EXCEEDED": "Wait for the next month, or have an owner raise the budget.",
    "NOT_FOUND": "See what there is: kasal runs ls, or kasal crews",
    "CONFLICT": "Look at how it is now, and try again.",
    "RATE_LIMIT": "Try again in a while.",
    "PAYLOAD_TOO_LARGE": "Send less, or have the operator raise the limit.",
    "PRECONDITION_FAILED": "Somebody else has changed it: read it again, and change that.",
    "INTERNAL_ERROR": "This is a bug of the platform: tell its operator the request's id (-v shows it).",
    "SERVICE_UNAVAILABLE": "Try again in a while; `kasal doctor` shows what is away.",
    "TIMEOUT": "Try again in a while; `kasal doctor` shows what is away.",
}
_KINDS: tuple[tuple[type[Exception], str, ExitCode], ...] = (
    (RequestTimeoutError, "Try again; `kasal doctor` shows what is slow.", ExitCode.UNREACHABLE),
    (
        ConnectionFailedError,
        "Start it (make run, or kasal dev crew.yaml), or name another: --url, KASAL_URL.",
        ExitCode.UNREACHABLE,
    ),
    (ProfileError, "Log in: kasal login", ExitCode.NOT_SIGNED_IN),
    (RunTimeoutError, "Watch it: kasal runs watch last", ExitCode.WAITING),
    (UsageError, "kasal --help lists the commands.", ExitCode.USAGE),
)
_AWAY = {"SERVICE_UNAVAILABLE", "TIMEOUT"}


def fault_of(error: Exception) -> Fault:
    """Return what to tell about `error`."""
    if isinstance(error, CommandError):
        return Fault(str(error), error.advice, error.code, error.places, error.request_id)
    if isinstance(error, ApiError):
        return _refusal(error)
    for kind, advice, code in _KINDS:
        if isinstance(error, kind):
            return Fault(str(error), advice, code)
    if isinstance(error, OSError):
        named = f"{error.filename}: " if error.filename else ""
        return Fault(f"{named}{error.strerror or error}", "Check the path.", ExitCode.USAGE)
    return Fault(str(error), "kasal doctor checks what may be wrong.", ExitCode.REFUSED)


def _refusal(error: ApiError) -> Fault:
    code = ExitCode.REFUSED
    if error.code == "UNAUTHORIZED":
        code = ExitCode.NOT_SIGNED_IN
    elif error.code in _AWAY:
        code = ExitCode.UNREACHABLE
    return Fault(
        _message(error),
        _advice(error),
        code,
        places=tuple(_places(error)),
        request_id=error.request_id,
    )


def _message(error: ApiError) -> str:
    place = f" ({error.field})" if error.field else ""
    return f"{error.message.rstrip('.')}{place}."


def _advice(error: ApiError) -> str:
    if error.code == "RATE_LIMIT" and error.retry_after:
        return f"Try again in {error.retry_after:g} s."
    if (error.field or "").startswith("inputs."):
        return "Give inputs like this: -i topic=tea, or -i @inputs.json"
    reason = error.details.get("reason")
    if reason and str(reason).rstrip(".") not in error.message:
        return f"{str(reason).rstrip('.')}."
    return _ADVICE.get(error.code, "Mend what is named, and try again.")


def _places(error: ApiError) -> list[str]:
    several = error.details.get("errors")
    if not isinstance(several, list) or len(several) < 2:
        return []
    listed = [
        f"{one.get('field')}: {one.get('reason')}" for one in several if isinstance(one, dict)
    ]
    more = len(listed) - LISTED
    return listed[:LISTED] + ([f"and {more} more"] if more > 0 else [])


def fault_lines(fault: Fault, *, with_request: bool) -> list[str]:
    """Return the lines that are printed."""
    request = f" [request {fault.request_id}]" if with_request and fault.request_id else ""
    return [
        f"Error: {one_line(fault.what, 600)}{request}",
        *(f"  - {one_line(place, 300)}" for place in fault.places),
        f"  {one_line(fault.advice, 300)}",
    ]
