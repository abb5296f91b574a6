"""How often an account's password may be guessed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from weakref import WeakValueDictionary

from auth.domain.ports import Failures
from common.errors import RateLimited

MOST_FAILURES = 10
"""Wrong passwords an account may have within the window."""
WINDOW = timedelta(minutes=15)
"""It begins with the first of them."""


class Attempts:
    """Lets logins at one account happen one after the other, and no more once too many failed.

    Without the turns, guesses sent at the same moment would all pass before the first has failed.
    """

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def turn(self, account: str) -> AsyncIterator[None]:
        """Wait for this account's turn. Raises `RateLimited` when its guesses are spent."""
        lock = self._turns.setdefault(account, asyncio.Lock())
        async with lock:
            count, seconds_left = await self._failures.count(account)
            if count >= MOST_FAILURES:
                raise RateLimited(
                    "Too many failed logins for this account.", retry_after=seconds_left
                )
            yield

    async def failed(self, account: str) -> None:
        """Count a wrong password."""
        await self._failures.add(account, WINDOW)

    async def succeeded(self, account: str) -> None:
        """Forget the wrong ones."""
        await self._failures.clear(account)
