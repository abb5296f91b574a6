"""How often passwords may be guessed: by account and address together, by address, and by account.

A stranger's guesses must not lock the owner out, so the count of an account alone never delays
anybody at an address that the owner has used before.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from weakref import WeakValueDictionary

from auth.domain.logins.sessions import digest
from auth.domain.ports import Failures
from common.errors import RateLimited

NOWHERE = "local"
"""The address of callers that have none."""
REMEMBERED = timedelta(hours=1)
"""How long failures count after the latest one."""


@dataclass(frozen=True, slots=True)
class Bound:
    """`free` failures cost nothing; then each doubles the wait, from `first` to `longest` seconds."""

    free: int
    first: float
    longest: float

    def wait(self, failures: int, since: float) -> float:
        """Return how long the next try has to wait, `since` seconds after the last failure."""
        if failures < self.free:
            return 0.0
        doubled = self.first * 2.0 ** min(failures - self.free, 30)
        return max(0.0, min(self.longest, doubled) - since)


PAIR = Bound(free=10, first=30, longest=900)
"""One account, guessed at from one address."""
ADDRESS = Bound(free=60, first=5, longest=300)
"""All accounts, from one address that the account's owner has not come from."""
ACCOUNT = Bound(free=100, first=5, longest=60)
"""One account from all such addresses. It slows down guessing from many addresses and locks nobody out."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try at an account from an address; `known` is whether its owner has come from there."""

    account: str
    address: str
    known: bool

    @property
    def pair(self) -> str:
        return f"pair {self.address} {self.account}"

    def bounds(self) -> dict[str, Bound]:
        """Return the counts of this attempt with their bounds."""
        alone = {f"address {self.address}": ADDRESS, f"account {self.account}": ACCOUNT}
        return {self.pair: PAIR} if self.known else {self.pair: PAIR, **alone}


def place_of(user_id: str, address: str) -> str:
    """Return the hash under which an address that a user has logged in from is stored."""
    return digest(f"{user_id} {address}")


class Attempts:
    """Lets guesses at one account from one address happen one at a time, more and more slowly.

    Without turns, guesses sent at the same moment would all get through before the first has failed.
    """

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def turn(self, attempt: Attempt) -> AsyncIterator[None]:
        """Wait for this attempt's turn. Raises `RateLimited` when it comes too early."""
        lock = self._turns.setdefault(attempt.pair, asyncio.Lock())
        async with lock:
            counted = attempt.bounds()
            seen = await self._failures.counts(list(counted))
            waits = [
                bound.wait(*count) for bound, count in zip(counted.values(), seen, strict=True)
            ]
            if max(waits) > 0:
                raise RateLimited("Too many failed logins; wait.", retry_after=max(waits))
            yield

    async def failed(self, attempt: Attempt) -> None:
        """Count a wrong password."""
        await self._failures.add(list(attempt.bounds()))

    async def succeeded(self, attempt: Attempt) -> None:
        """Forget the failures of this account and address together.

        The counts of the address alone and of the account alone stay: otherwise an attacker could
        reset them by logging in now and then with an account of their own.
        """
        await self._failures.clear(attempt.pair)
