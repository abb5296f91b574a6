"""The messages of the WebSocket besides events."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from common.errors import InvalidRequest, KasalError
from common.security.tokens import LONGEST_TOKEN
from common.web.unknown_fields import unknown_field

_LARGEST = 2**53 - 1
"""The largest whole number that JSON readers agree on."""
_LONGEST_ID = 200

JobId = Annotated[str, Field(min_length=1, max_length=_LONGEST_ID)]
AfterSeq = Annotated[int, Field(ge=0, le=_LARGEST)]


class _ClientMessage(BaseModel):
    """Unknown fields are ignored, so that newer clients can talk to older servers.

    Not those of a message with optional fields, of which one that is misspelt would change what is done.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Authenticate(_ClientMessage):
    type: Literal["authenticate"]
    token: str = Field(min_length=1, max_length=LONGEST_TOKEN)


class Subscribe(_ClientMessage):
    model_config = ConfigDict(extra="forbid")

    type: Literal["subscribe"]
    job_id: JobId
    after_seq: AfterSeq = 0
    deltas: bool = False


class Unsubscribe(_ClientMessage):
    type: Literal["unsubscribe"]
    job_id: JobId


class Ping(_ClientMessage):
    type: Literal["ping"]


ClientMessage = Authenticate | Subscribe | Unsubscribe | Ping
_MESSAGES: TypeAdapter[ClientMessage] = TypeAdapter(
    Annotated[ClientMessage, Field(discriminator="type")]
)


class BadMessage(InvalidRequest):
    """A message that cannot be understood. `job_id` is the job it names, if it names one."""

    def __init__(self, message: str, field: str | None, reason: str, job_id: str | None) -> None:
        super().__init__(message, field=field, reason=reason)
        self.job_id = job_id


def parse_message(text: str) -> ClientMessage:
    """Return the client's message. Raises `BadMessage`."""
    try:
        raw = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError, UnicodeEncodeError):
        raise BadMessage(
            "The message is not JSON.", None, "It cannot be read as JSON", None
        ) from None
    try:
        return _MESSAGES.validate_python(raw)
    except ValidationError as fault:
        raise _bad_message(raw, fault.errors(include_url=False, include_context=False)) from None


def _bad_message(raw: Any, errors: Any) -> BadMessage:
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    path = [str(part)[:_LONGEST_ID] for part in first["loc"][1:]]  # behind the message's type
    field = ".".join(path) or ("type" if isinstance(raw, dict) else None)
    reason = _reason(first)
    place = f"{field}: {reason}" if field else reason
    named = raw.get("job_id") if isinstance(raw, dict) else None
    job_id = named if isinstance(named, str) and len(named) <= _LONGEST_ID else None
    return BadMessage(f"The message does not fit: {place}.", field, reason, job_id)


def _reason(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        return unknown_field(Subscribe, fault["loc"][1:])
    if fault["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return "It must be authenticate, subscribe, unsubscribe or ping"
    return str(fault["msg"])


class Subscribed(BaseModel):
    """The client now watches a job; its events follow."""

    type: Literal["subscribed"] = "subscribed"
    job_id: str
    status: str
    last_seq: int


class Unsubscribed(BaseModel):
    """The client no longer watches the job."""

    type: Literal["unsubscribed"] = "unsubscribed"
    job_id: str


class Pong(BaseModel):
    """Answers a ping."""

    type: Literal["pong"] = "pong"


class MessageError(BaseModel):
    """Answers a message that could not be done. It has no `seq`: only an `error` with one is a job's end."""

    type: Literal["error"] = "error"
    code: str
    message: str
    job_id: str | None = None
    details: dict[str, Any] | None = None


CLIENT_MESSAGES = (Authenticate, Subscribe, Unsubscribe, Ping)
SERVER_MESSAGES = (Subscribed, Unsubscribed, Pong, MessageError)


def subscribed_message(job_id: str, status: str, last_seq: int) -> bytes:
    return _message_bytes(Subscribed(job_id=job_id, status=status, last_seq=last_seq))


def unsubscribed_message(job_id: str) -> bytes:
    return _message_bytes(Unsubscribed(job_id=job_id))


def error_message(error: KasalError, job_id: str | None = None) -> bytes:
    """Return `error` as a message."""
    details = error.details or None
    return _message_bytes(
        MessageError(code=error.code, message=error.message, job_id=job_id, details=details)
    )


def _message_bytes(message: BaseModel) -> bytes:
    return orjson.dumps(message.model_dump(exclude_none=True))


PONG = _message_bytes(Pong())
