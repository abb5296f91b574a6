"""Idempotency-Keys as clients send them. Only hashes of them are stored."""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import BaseModel

from common.errors import InvalidRequest
from common.idempotency.once import HEADER, Clock, Once
from common.security.rotation import RotatingSecret
from common.security.sealing import Sealer
from common.times import utc_now

T = TypeVar("T")

LONGEST = 255
# RFC 8941, section 3.3.3: what a string may hold, and a quote or a backslash after a backslash.
_STRING = rf'"([ !#-\[\]-~]|\\["\\]){{1,{LONGEST}}}"'
# What people send instead: visible ASCII without characters that would end a value or a string.
_BARE = rf"[!#-+\--:<-~]{{1,{LONGEST}}}"
PATTERN = rf"^({_STRING}|{_BARE})$"
_ESCAPED = re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True)
class GivenKey:
    """A key and the route it was sent to, such as `POST /crews`."""

    route: str
    key: str


def parse(value: str) -> str:
    """Return the key in a header's `value`. Raises `InvalidRequest`.

    draft-ietf-httpapi-idempotency-key-header-07 has it a string in quotes (RFC 8941); the same
    characters without quotes are the same key.
    """
    if re.fullmatch(_STRING, value):
        return _ESCAPED.sub(r"\1", value[1:-1])
    if re.fullmatch(_BARE, value):
        return value
    reason = f"It must be one text of 1 to {LONGEST} ASCII characters, ideally a UUID in quotes"
    raise InvalidRequest(f"Invalid header {HEADER}", field=HEADER, reason=reason)


class IdempotencyKeys:
    """Turns requests into `Once`.

    Hashes are keyed with `secret_key`, so nobody can guess what was hashed: a body may hold a password.
    While the secret rotates, a repeated request is recognised under any of its keys.
    """

    def __init__(self, secret_key: str | RotatingSecret = "", clock: Clock = utc_now) -> None:
        several = RotatingSecret.of(secret_key).all if secret_key else ("",)
        self._keyed = [_Keyed(one, clock) for one in several]

    def once(
        self,
        given: GivenKey | None,
        scope: str,
        body: BaseModel,
        answer: Callable[[T], BaseModel],
    ) -> Once[T] | None:
        """Return a `Once` for the request within `scope`, or None without a key."""
        if given is None:
            return None
        return _with_twins([one.once(given, scope, body, answer) for one in self._keyed])

    def once_for(
        self,
        user_id: str,
        given: GivenKey | None,
        scope: str,
        body: BaseModel,
        answer: Callable[[T], BaseModel],
    ) -> Once[T] | None:
        """Return the same for an answer that contains a secret.

        It is replayed only to the same user. It is stored encrypted under a key derived from ours and
        the client's Idempotency-Key, which is stored nowhere.
        """
        if given is None:
            return None
        return _with_twins(
            [one.once_for(user_id, given, scope, body, answer) for one in self._keyed]
        )


def _with_twins(several: "list[Once[T]]") -> "Once[T]":
    first, *others = several
    return replace(first, twins=tuple(others)) if others else first


class _Keyed:
    """Requests under one secret key."""

    def __init__(self, secret_key: str, clock: Clock) -> None:
        self._secret_key = secret_key
        self._derived = hmac.digest(secret_key.encode(), b"kasal:idempotency-keys", "sha256")
        self._clock = clock

    def once(
        self, given: GivenKey, scope: str, body: BaseModel, answer: Callable[[T], BaseModel]
    ) -> Once[T]:
        sent = body.model_dump(mode="json", exclude_unset=True)
        key = self._hash(given.route, scope, given.key)
        return Once(key, self._hash(sent), answer, clock=self._clock)

    def once_for(
        self,
        user_id: str,
        given: GivenKey,
        scope: str,
        body: BaseModel,
        answer: Callable[[T], BaseModel],
    ) -> Once[T]:
        key = self._hash(given.route, scope, given.key)
        sent = body.model_dump(mode="json", exclude_unset=True)
        box = _SealedAnswer(Sealer(self._secret_key, f"idempotent-answer:{given.key}"), key)
        return Once(key, self._hash(user_id, sent), answer, box, self._clock)

    def _hash(self, *parts: object) -> str:
        # Sorted, so that the order of the fields makes no difference.
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hmac.new(self._derived, text.encode(), "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class _SealedAnswer:
    """Fulfils `Box`."""

    sealer: Sealer
    place: str

    def seal(self, plain: bytes) -> bytes:
        return self.sealer.seal(plain, self.place)

    def open(self, sealed: bytes) -> bytes:
        return self.sealer.open(sealed, self.place)
