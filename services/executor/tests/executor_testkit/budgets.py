"""Stores of budgets that lose answers, and jobs that spend from them."""

import asyncio

from common.errors import Unavailable
from common.times import utc_now
from devkit.stores.budgets import MemoryBudgets
from executor.domain.budgets.amounts import NOTHING, Amount, Limits
from executor.domain.budgets.budget import Wanted, WorkspaceBudget, month_of
from executor.domain.budgets.ledger import Ledger
from executor.domain.budgets.purse import LedgerPurse

WS = "ws_1"


class Watched(MemoryBudgets):
    """A store of which a test can wait until it has been asked so many times more, and that can be away.

    With `lost`, it stores what it is given next, and its answer does not arrive.
    """

    def __init__(self) -> None:
        super().__init__()
        self.away = self.lost = False
        self._asked = 0
        self._news = asyncio.Condition()

    async def find(self, workspace_id):
        async with self._news:
            self._asked += 1
            self._news.notify_all()
        if self.away:
            raise Unavailable
        return await super().find(workspace_id)

    async def replace(self, before, after):
        done = await super().replace(before, after)
        if self.lost:
            self.lost = False
            raise Unavailable
        return done

    async def asked(self, times):
        until = self._asked + times
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(lambda: self._asked >= until)


def budget(limits: Limits, **given) -> WorkspaceBudget:
    return WorkspaceBudget(WS, limits, month_of(utc_now()), **given)


async def spent(ledger: Ledger, job_id: str, *amounts: Amount) -> LedgerPurse:
    """Let a job make calls that use `amounts`."""
    purse, used = ledger.open(WS, job_id, 1, NOTHING), NOTHING
    for amount in amounts:
        held = await purse.hold(Wanted(amount, amount))
        used = used.plus(amount)
        purse.spend(held, used, "m")
    return purse
