"""What a provider's refusal means for a run, and what can be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.security.outgoing import ADVICE
from executor.models.masking import address, safe_text
from executor.models.model import ModelFault
from executor.models.patience import retry_after

_PASSING = frozenset({408, 409, 425, 429})
_LASTING = frozenset({501, 505})
"""The 5xx that a retry does not change."""
_UNUSABLE = frozenset({401, 403, 404})
"""How providers refuse a key, or a model's name."""
_FILTERS = ("content_filter", "content_policy", "responsibleai", "moderation", "safety")
_SHAPE = frozenset({400, 404, 415, 422, 500, 501})
"""How servers refuse a `response_format` that they do not support."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a provider refused a request. `fault` ends the run unless the request is retried.

    `passing` says that a retry may help, `retry_after` after how many seconds the provider wants
    it. `shape` says that the answer's schema alone may be the cause.
    """

    fault: ModelFault
    passing: bool = False
    retry_after: float | None = None
    shape: bool = False


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """Who is asked: a model, its provider's address, how to set its key, and all keys to hide."""

    model: str
    url: str = ""
    remedy: str = ""
    keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The model and its address as users see them: never with credentials."""
        where = address(self.url)
        return f"The model {safe_text(self.model, self.keys)}" + (f" ({where})" if where else "")


def refusal(fault: Any, asked: ModelAddress, now: datetime) -> Refusal:
    """Return what pydantic-ai's `ModelAPIError` means."""
    from pydantic_ai import exceptions as known

    status = getattr(fault, "status_code", None)
    said = _provider_words(fault, asked)
    if isinstance(fault, known.ModelQuotaExceededError):
        message = "its quota is used up. Raise it with the provider, or use another model"
        return Refusal(_fault("RATE_LIMIT", asked, f"{message}.{said}"))
    if status is None:
        return _no_answer(fault, asked, said)
    pause = retry_after(getattr(fault, "headers", None) or {}, now) or _positive(fault.retry_after)
    if isinstance(fault, known.ModelRateLimitError) or status == 429:
        return Refusal(_fault("RATE_LIMIT", asked, f"rate limit exceeded.{said}"), True, pause)
    if status in _PASSING or (status >= 500 and status not in _LASTING):
        message = f"answered {status}.{said}"
        fault_ = _fault("MODEL_UNAVAILABLE", asked, message, colon=False)
        return Refusal(fault_, True, pause, shape=status in _SHAPE)
    return Refusal(_lasting_fault(fault, status, asked, said), shape=status in _SHAPE)


def _no_answer(fault: Any, asked: ModelAddress, said: str) -> Refusal:
    from pydantic_ai import exceptions as known

    if _is_refused(fault):
        message = f"cannot be reached: {ADVICE}."
        return Refusal(_fault("MODEL_UNAVAILABLE", asked, message, colon=False))
    if isinstance(fault, known.ModelConnectionError):
        reason = _connection_problem(fault)
        message = f"cannot be reached ({reason}). Is it running, and is its address right?"
        return Refusal(_fault("MODEL_UNAVAILABLE", asked, message, colon=False), passing=True)
    return Refusal(_fault("MODEL_UNAVAILABLE", asked, f"no usable answer.{said}"), passing=True)


def _lasting_fault(fault: Any, status: int, asked: ModelAddress, said: str) -> ModelFault:
    from pydantic_ai.exceptions import ModelAuthenticationError

    words = f"{fault.provider_error_code} {fault.provider_error_type}".casefold()
    if any(word in words for word in _FILTERS):
        message = f"its provider's content filter blocks this request.{said}"
        return _fault("CONTENT_FILTERED", asked, message)
    message = f"{_meaning(fault, status, asked)}.{said}"
    unusable = status in _UNUSABLE or isinstance(fault, ModelAuthenticationError)
    return _fault("MODEL_ERROR", asked, message, unusable=unusable)


def _meaning(fault: Any, status: int, asked: ModelAddress) -> str:
    from pydantic_ai import exceptions as known

    if status == 401 or isinstance(fault, known.ModelAuthenticationError):
        what = "does not accept the key" if status != 403 else "does not let this key use the model"
        return f"its provider {what}{f': {asked.remedy}' if asked.remedy else ''}"
    if isinstance(fault, known.ModelContextWindowExceededError):
        return "the request is longer than the model can read. Give the task less context"
    if status == 404:
        return "its provider does not know it. Look at the model's name and the provider's address"
    if status == 413:
        return "too large"
    return f"its provider refused the request with {status}"


def _fault(
    code: str, asked: ModelAddress, message: str, *, colon: bool = True, unusable: bool = False
) -> ModelFault:
    return ModelFault(code, f"{asked.name}{':' if colon else ''} {message}", unusable=unusable)


def _provider_words(fault: Any, asked: ModelAddress) -> str:
    """Return what the provider says about it, as a sentence to append to ours."""
    text = safe_text(_message(fault.body), asked.keys)
    if not text and getattr(fault, "status_code", None) is None:
        text = safe_text(str(fault), asked.keys)
    return f" It says: {text}" if text else ""


def _message(body: Any) -> str:
    for _ in range(4):
        if isinstance(body, str):
            return _plain(body)
        if isinstance(body, list):
            body = body[0] if body else None
        elif isinstance(body, Mapping):
            names = ("message", "error", "detail", "msg", "error_message", "errors")
            body = next((body[name] for name in names if body.get(name)), None)
        else:
            break
    return ""


def _plain(text: str) -> str:
    return "" if text.lstrip()[:1] == "<" else text  # an HTML page is of no use here


def _is_refused(fault: BaseException | None) -> bool:
    """Say whether the guard refused the address."""
    from executor.models.guarded import NotPublic

    for _ in range(10):
        if fault is None:
            return False
        if isinstance(fault, NotPublic):
            return True
        fault = fault.__cause__ or fault.__context__
    return False


def _connection_problem(fault: Any) -> str:
    from pydantic_ai import exceptions as known

    if isinstance(fault, known.ModelTimeoutError):
        return "no answer in time"
    return {"connect": "no connection", "read": "the connection broke off"}.get(
        fault.phase or "", "no connection"
    )


def _positive(seconds: float | None) -> float | None:
    return seconds if seconds is not None and seconds > 0 else None
