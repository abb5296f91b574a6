"""Requests that take effect once: the rule, with no I/O.

A request with an Idempotency-Key leaves a `Receipt` in the document it creates (or changes), in the
same write. So there is no moment in which one is there without the other, and nothing to clean up
after a process that died: whoever finds the receipt answers as it says, and whoever finds none makes
the thing. A store refuses a second receipt with the same key, which settles every race.
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
"""How long a first answer is replayed; after it the key is as good as new."""
HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is kept of a request that has taken effect.

    `key` and `body` are hashes: of the key with its scope, and of what was sent. `answer` is the body
    of the first answer, sealed where it holds a secret.
    """

    key: str
    body: str
    answer: bytes
    until: datetime


class Replayed(Exception):  # noqa: N818 - it says what happened
    """The request has been answered before; `answer` is what it is answered again, as JSON."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("The request was answered before.")
        self.answer = answer


class KeyTaken(Conflict):
    """Another request with the same Idempotency-Key is just taking effect."""

    def __init__(self) -> None:
        super().__init__(
            "A request with this Idempotency-Key is being worked on; send it again.", field=HEADER
        )


class Receipts(Protocol):
    """Where the receipts of one kind of document are found."""

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        """Return the receipt of a request; one that has run out is forgotten first."""

    async def forget(self, now: datetime) -> None:
        """Remove the receipts that have run out."""


class Box(Protocol):
    """Keeps an answer that holds a secret."""

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
    """The same request as it is known under the other secrets of a rotation."""

    def receipt(self, made: T) -> Receipt:
        """Return the receipt to store together with `made`."""
        answer = self.answer(made).model_dump_json().encode()
        sealed = answer if self.box is None else self.box.seal(answer)
        return Receipt(self.key, self.body, sealed, self.clock() + KEPT_FOR)

    def replay(self, receipt: Receipt) -> Replayed:
        """Return what ends this request. Raises `IdempotencyKeyReused` for another body."""
        if receipt.body != self.body:
            raise IdempotencyKeyReused(
                "This Idempotency-Key came with another body before; use a new one.", field=HEADER
            )
        return Replayed(receipt.answer if self.box is None else self.box.open(receipt.answer))


def receipt_of(once: Once[T] | None, made: T) -> Receipt | None:
    """Return the receipt to store together with `made`; None for a request without a key."""
    return None if once is None else once.receipt(made)


async def at_most_once(
    once: Once[T] | None, receipts: Receipts, make: Callable[[], Awaitable[T]]
) -> T:
    """Return what `make` creates, unless this request has taken effect before.

    `make` must store `receipt_of(once, …)` in the very write that takes effect. Raises `Replayed`,
    `IdempotencyKeyReused`, and what `make` raises: a refusal creates nothing and is not kept.
    """
    if once is None:
        return await make()
    await _refuse_repeat(once, receipts)
    try:
        return await make()
    except KasalError as fault:
        if fault.status < 500:  # it may be refused for what its twin has done meanwhile
            await _refuse_repeat(once, receipts)
        raise


async def _refuse_repeat(once: Once[T], receipts: Receipts) -> None:
    for one in (once, *once.twins):
        receipt = await receipts.receipt(one.key, one.clock())
        if receipt is not None:
            raise one.replay(receipt)
