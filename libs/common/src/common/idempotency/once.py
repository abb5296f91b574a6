"""Requests that take effect once: the rule, with no I/O.

A request with an Idempotency-Key leaves a `Receipt` in the document that it creates (or changes), in the
same write. So neither ever exists without the other, and there is nothing to clean up after a process
that died: whoever finds the receipt answers from it, and whoever finds none carries out the request. A
store refuses a second receipt with the same key, which settles every race.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from common.errors import Conflict, IdempotencyKeyReused, KasalError
from common.times import utc_now

T = TypeVar("T")
Clock = Callable[[], datetime]

KEPT_FOR = timedelta(hours=24)
"""How long a first answer is replayed; afterwards the key can be used again."""
HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The record of a request that has taken effect.

    `key` and `body` are hashes: of the key with its scope, and of what was sent. `answer` is the body
    of the first answer, sealed if it contains a secret.
    """

    key: str
    body: str
    answer: bytes
    until: datetime


class Replayed(Exception):  # noqa: N818 - it says what happened
    """The request was answered before; `answer` is the JSON to send again."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("The request has already been answered.")
        self.answer = answer


class KeyTaken(Conflict):
    """Another request with the same Idempotency-Key is in progress."""

    def __init__(self) -> None:
        super().__init__(
            "A request with this Idempotency-Key is still being processed; try again.", field=HEADER
        )


class Receipts(Protocol):
    """The receipts in one kind of document."""

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        """Return the receipt of a request; remove it instead if it has expired."""

    async def forget(self, now: datetime) -> None:
        """Remove expired receipts."""


class Box(Protocol):
    """Seals an answer that contains a secret."""

    def seal(self, plain: bytes) -> bytes: ...

    def open(self, sealed: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Once(Generic[T]):
    """A request with an Idempotency-Key. `answer` makes the answer's body for what it creates."""

    key: str
    body: str
    answer: Callable[[T], BaseModel]
    box: Box | None = None
    clock: Clock = utc_now
    twins: "tuple[Once[T], ...]" = ()
    """The same request under the other secrets of a rotation."""

    def receipt(self, made: T) -> Receipt:
        """Return the receipt to store together with `made`."""
        answer = self.answer(made).model_dump_json().encode()
        sealed = answer if self.box is None else self.box.seal(answer)
        return Receipt(self.key, self.body, sealed, self.clock() + KEPT_FOR)

    def replay(self, receipt: Receipt) -> Replayed:
        """Return the exception that ends this request. Raises `IdempotencyKeyReused` for another body."""
        if receipt.body != self.body:
            raise IdempotencyKeyReused(
                "This Idempotency-Key was used with another body before; use a new one.",
                field=HEADER,
            )
        return Replayed(receipt.answer if self.box is None else self.box.open(receipt.answer))


def receipt_of(once: Once[T] | None, made: T) -> Receipt | None:
    """Return the receipt to store together with `made`; None for a request without a key."""
    return None if once is None else once.receipt(made)


async def at_most_once(
    once: Once[T] | None, receipts: Receipts, make: Callable[[], Awaitable[T]]
) -> T:
    """Return what `make` creates, unless this request has taken effect before.

    `make` must store `receipt_of(once, …)` in the write that takes effect. Raises `Replayed`,
    `IdempotencyKeyReused`, and what `make` raises: a refusal creates nothing and leaves no receipt.
    """
    if once is None:
        return await make()
    await _refuse_repeat(once, receipts)
    try:
        return await make()
    except KasalError as fault:
        if fault.status < 500:  # the refusal may result from what a concurrent twin has just done
            await _refuse_repeat(once, receipts)
        raise


async def _refuse_repeat(once: Once[T], receipts: Receipts) -> None:
    for one in (once, *once.twins):
        receipt = await receipts.receipt(one.key, one.clock())
        if receipt is not None:
            raise one.replay(receipt)
