"""Cursors: where a page of a list ended, as a text that its reader hands back.

A cursor belongs to one list: a workspace and its filters. It is no secret and grants nothing, since a
query always names the caller's own workspace; it is checked so that a mistake does not pass unseen.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import orjson

from common.errors import InvalidRequest

LONGEST = 400
"""Characters that a cursor has at most."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Place = tuple[datetime, str]
"""When the last entry of a page was made, and its id: lists are ordered by both."""


def cursor(place: Place, scope: Sequence[str | None]) -> str:
    """Return the cursor that stands behind `place` in the list that `scope` names."""
    made, last = place
    raw = orjson.dumps([(made - _EPOCH) // _MILLISECOND, last, _digest(scope)])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def place_of(text: str, scope: Sequence[str | None]) -> Place:
    """Return the place that `text` stands for. Raises `InvalidRequest` if it is not of this list."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        made, last, digest = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if type(made) is not int or not isinstance(last, str) or "\x00" in last:
            raise TypeError
        moment = _EPOCH + made * _MILLISECOND
    except (ValueError, TypeError, OverflowError, binascii.Error) as fault:
        raise _refused("it is no cursor that a list has answered") from fault
    if digest != _digest(scope):
        raise _refused("it comes from a list with other filters, or of another workspace")
    return moment, last


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest(
        "This cursor does not fit the list: send `next` of an answer back as `after`, with the same"
        " filters, or leave `after` out to begin anew.",
        field="after",
        reason=reason,
    )


def _digest(scope: Sequence[str | None]) -> str:
    return hashlib.sha256(orjson.dumps(list(scope))).hexdigest()[:12]
