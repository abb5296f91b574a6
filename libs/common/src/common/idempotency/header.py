"""Idempotency-Key on routes: the FastAPI dependency, and what the routes document."""

from typing import Annotated, Any

from fastapi import Depends, Header, Request
from pydantic import WithJsonSchema
from starlette.responses import Response

from common.idempotency.keys import PATTERN, GivenKey, parse
from common.idempotency.once import HEADER, Replayed
from common.web.models import failures

REPLAYED = "Idempotency-Replayed"
_ABOUT = (
    "Makes it safe to send the request again: for 24 hours, the same key with the same body gets the "
    "first answer again and creates nothing. A text in quotes, ideally a UUID "
    "(draft-ietf-httpapi-idempotency-key-header); the quotes may be left out."
)
_SCHEMA = {
    "type": "string",
    "pattern": PATTERN,
    "examples": ['"8e03978e-40d5-43e8-bc93-6894a57f9324"'],
}


async def _idempotency_key(
    request: Request,
    _: Annotated[
        str | None, WithJsonSchema(_SCHEMA), Header(alias=HEADER, description=_ABOUT)
    ] = None,
) -> GivenKey | None:
    lines = request.headers.getlist(HEADER)
    if not lines:
        return None
    # Several lines form one list (RFC 9110, section 5.3), and a list is not a valid key.
    return GivenKey(f"{request.method} {request.scope['route'].path}", parse(", ".join(lines)))


IdempotencyKey = Annotated[GivenKey | None, Depends(_idempotency_key)]
"""Parameter type of a route that creates something."""


def creating(status: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that creates something and answers `status`."""
    replayed = {
        "description": "`true` if this repeats the first answer to an earlier request",
        "schema": {"type": "string", "enum": ["true"]},
    }
    return {status: {"headers": {REPLAYED: replayed}}, **failures(409, 422)}


async def replay(request: Request, fault: Exception) -> Response:
    """Answer a repeated request with its first answer."""
    assert isinstance(fault, Replayed)  # noqa: S101 - registered for this class only
    status = request.scope["route"].status_code or 200
    # It may contain a secret, like the first answer.
    headers = {REPLAYED: "true", "Cache-Control": "no-store"}
    return Response(fault.answer, status, headers=headers, media_type="application/json")
