"""Cursors: where a page of a list ended, as a string that the client sends back.

A cursor belongs to one list: a workspace and its filters. It is not a secret and grants nothing, since a
query always names the caller's own workspace. It is checked so that mistakes are noticed.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import orjson

from common.errors import InvalidRequest

LONGEST = 400
"""The most characters of a cursor."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_MOST_NUMBER = 2**53
FARTHEST = 10_000
"""The most entries that a page may skip, since the database walks through them; beyond that, use a cursor."""

Place = tuple[datetime, str]
"""When the last entry of a page was created, and its id: lists are ordered by both."""
Spot = tuple[int, str]
"""The same for a list ordered by a number and an id."""
Scope = Sequence[str | None]
"""Identifies a list: its kind, its owner and its filters."""
T = TypeVar("T")


def cursor(place: Place, scope: Scope) -> str:
    """Return the cursor for what follows `place` in the list `scope`."""
    made, last = place
    return cursor_at((milliseconds(made), last), scope)


def place_of(text: str, scope: Scope) -> Place:
    """Return the place of the cursor `text`. Raises `InvalidRequest` if it belongs to another list."""
    made, last = spot_of(text, scope)
    try:
        return _EPOCH + made * _MILLISECOND, last
    except OverflowError as fault:
        raise _malformed_cursor() from fault


def cursor_at(spot: Spot, scope: Scope) -> str:
    """Return the cursor for what follows `spot` in the list `scope`."""
    raw = orjson.dumps([*spot, _digest(scope)])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def spot_of(text: str, scope: Scope) -> Spot:
    """Return the spot of the cursor `text`. Raises `InvalidRequest` if it belongs to another list."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        number, last, digest = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if type(number) is not int or not isinstance(last, str) or "\x00" in last:
            raise TypeError
        if abs(number) > _MOST_NUMBER:
            raise OverflowError
    except (ValueError, TypeError, OverflowError, binascii.Error) as fault:
        raise _malformed_cursor() from fault
    if digest != _digest(scope):
        raise _cursor_refusal("it comes from a list with other filters, or of another workspace")
    return number, last


def milliseconds(moment: datetime) -> int:
    """Return `moment` as the stores keep it: milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


@dataclass(frozen=True, slots=True)
class ListPart(Generic[T]):
    """A part of a list. `next` is the cursor of what follows, None at the end."""

    shown: Sequence[T]
    total: int
    next: str | None


def part_of(
    entries: Iterable[T],
    spot: Callable[[T], Spot],
    scope: Scope,
    *,
    skip: int,
    limit: int,
    after: str | None,
    descending: bool = True,
) -> ListPart[T]:
    """Return a part of a bounded list that was read as a whole, in the order of its spots.

    No two entries have the same spot. A cursor stays valid even if its entry has been deleted.
    Raises `InvalidRequest` for a cursor of another list.
    """
    before = None if after is None else spot_of(after, scope)
    ordered = sorted(((spot(one), one) for one in entries), key=_first, reverse=descending)
    left = ordered
    if before is not None:
        left = [one for one in ordered if (one[0] < before if descending else one[0] > before)]
    shown = left[skip : skip + limit]
    more = len(left) > skip + limit and shown
    following = cursor_at(shown[-1][0], scope) if more else None
    return ListPart([one for _, one in shown], len(ordered), following)


def _first(pair: tuple[Spot, Any]) -> Spot:
    return pair[0]


def check_reach(skip: int) -> None:
    """Raise `InvalidRequest` for a page that only a cursor may reach."""
    if skip > FARTHEST:
        raise InvalidRequest(
            f"A page may begin no more than {FARTHEST:,} entries down the list. To read on, send the"
            " `next` of an answer back as `after`, or narrow the list with a filter.",
            field="page",
            reason=f"it begins more than {FARTHEST:,} entries down the list",
        )


def _malformed_cursor() -> InvalidRequest:
    return _cursor_refusal("it is not a cursor that a list returned")


def _cursor_refusal(reason: str) -> InvalidRequest:
    return InvalidRequest(
        "This cursor does not fit the list: send `next` of an answer back as `after`, with the same"
        " filters, or leave `after` out to begin anew.",
        field="after",
        reason=reason,
    )


def _digest(scope: Scope) -> str:
    return hashlib.sha256(orjson.dumps(list(scope))).hexdigest()[:12]
