"""Spends from the budgets of workspaces, for the jobs that one process runs.

A job takes a lease by one conditional write, spends from it in memory, and gives back what is left: when it ends,
when it has not called a model for a while, and at once when little is left of the budget. All jobs of a workspace
share the writes of their process.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from common.errors import Unavailable
from common.logs import get_logger
from common.process.background import Background
from common.process.backoff import Backoff
from common.times import utc_now
from executor.domain.budgets.amounts import NOTHING, Amount
from executor.domain.budgets.budget import MODELS, JobPurse, Wanted
from executor.domain.budgets.known import KnownBudgets
from executor.domain.budgets.ports import Budgets
from executor.domain.budgets.purse import Ask, BudgetRefused, LedgerPurse
from executor.domain.budgets.write import BudgetWrite

log = get_logger(__name__)
T = TypeVar("T")

_BACKOFF = Backoff((0.02, 0.05, 0.1, 0.2, 0.5))
_AWAY = Backoff((0.1, 0.5, 1.0, 2.0))
_IDLE = 2.0


class Ledger:
    """The purses of one process.

    `beat` is how often, in seconds, it writes down what was spent. A job that has called no model for `idle`
    seconds gives back what it has not used. A run waits `patience` seconds for a store that is down.
    """

    def __init__(
        self,
        budgets: Budgets,
        *,
        beat: float = 1.0,
        idle: float = _IDLE,
        patience: float = 0.0,
        clock: Callable[[], float] | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.budgets = budgets
        self.known = KnownBudgets(budgets)
        self.beat = beat
        self.idle = idle
        self._patience = patience
        self.now = now
        self._clock = clock
        self._desks: dict[str, _BudgetDesk] = {}
        self._background = Background()

    def clock(self) -> float:
        return asyncio.get_running_loop().time() if self._clock is None else self._clock()

    async def wait_for_store(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` returns, once the store answers. Raises `Unavailable` when patience is over."""
        until, tries = self.clock() + self._patience, 0
        while True:
            try:
                return await ask()
            except Unavailable:
                if self.clock() >= until:
                    raise
            tries += 1
            await asyncio.sleep(_AWAY.pause(tries))

    def open(self, workspace_id: str, job_id: str, attempt: int, used: Amount) -> LedgerPurse:
        """Return the purse of a run that begins."""
        return LedgerPurse(self, workspace_id, JobPurse(job_id, attempt, used, used))

    async def ask(self, purse: LedgerPurse, wanted: Wanted) -> Amount | None:
        answer: asyncio.Future[Amount | None] = asyncio.get_running_loop().create_future()
        desk = self._desk(purse.workspace_id)
        desk.purses.add(purse)
        desk.asks.append(Ask(purse, wanted, answer))
        desk.wake.set()
        return await answer

    def note(self, purse: LedgerPurse) -> None:
        """Note that something was spent. It is written down soon; at once if others wait or little is left."""
        desk = self._desk(purse.workspace_id)
        desk.purses.add(purse)
        if desk.asks or desk.scarce or purse.closed:
            desk.wake.set()

    def learn(self, workspace_id: str, model: str, used: Amount) -> None:
        """Remember the largest call to a model."""
        largest = self._desk(workspace_id).largest
        if model in largest or len(largest) < MODELS:
            largest[model] = largest.get(model, NOTHING).largest(used)

    def _desk(self, workspace_id: str) -> "_BudgetDesk":
        desk = self._desks.get(workspace_id)
        if desk is None:
            desk = self._desks[workspace_id] = _BudgetDesk(self, workspace_id)
            self._background.start(self._serve(desk), name="budget", workspace_id=workspace_id)
        return desk

    async def _serve(self, desk: "_BudgetDesk") -> None:
        try:
            await desk.work()
        finally:
            self._desks.pop(desk.workspace_id, None)
            desk.give_up()

    async def close(self, grace: float = 2.0) -> None:
        """Write down what was spent and give back the rest, within `grace` seconds."""
        for desk in self._desks.values():
            desk.wake.set()
        await self._background.finish(grace)


@dataclass(eq=False, slots=True)
class _BudgetDesk:
    """Writes for all jobs of one workspace, one write at a time, while there is something to write."""

    ledger: Ledger
    workspace_id: str
    asks: list[Ask] = field(default_factory=list)
    purses: set[LedgerPurse] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    largest: dict[str, Amount] = field(default_factory=dict)
    scarce: bool = False
    _away: int = 0

    async def work(self) -> None:
        while self.asks or self.purses:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.ledger.beat * (0.25 if self.asks else 1.0)):
                    await self.wake.wait()
            self.wake.clear()
            try:
                await self._write()
                self._away = 0
            except Unavailable as fault:
                await self._wait_for_store(fault)

    async def _wait_for_store(self, fault: Unavailable) -> None:
        self._away += 1
        for ask in self.asks:
            if not ask.answer.done():
                ask.answer.set_exception(fault)
        self.asks.clear()
        log.warning("a budget waits for the store", workspace_id=self.workspace_id)
        await asyncio.sleep(_AWAY.pause(self._away))

    async def _write(self) -> None:
        """Write down what was spent and answer who asks, in one conditional write."""
        self.asks = [ask for ask in self.asks if not ask.answer.done()]
        due = [purse for purse in self.purses if self._is_due(purse)]
        tries = 0
        while due or self.asks:
            stored = await self.ledger.budgets.find(self.workspace_id)
            if stored is None:
                self._go_without()
                return
            write = BudgetWrite(stored, self.ledger.now())
            for purse in due:
                write.report(purse, self._free_to_keep(purse))
            for ask in self.asks:
                write.serve(ask)
            if await self._store(write):
                self._finish(write)
                return
            tries += 1
            await asyncio.sleep(_BACKOFF.pause(tries))
        self.purses = {purse for purse in self.purses if purse.leased}

    async def _store(self, write: BudgetWrite) -> bool:
        """Store a write. What it gives back is not spent meanwhile, and is there again if it was not stored.

        Without an answer nobody knows whether it was, so it stays given back until the budget has been read again.
        """
        budget = write.budget.with_largest(self.largest)
        write.give_back()
        try:
            done = budget == write.stored or await self.ledger.budgets.replace(write.stored, budget)
        except Unavailable:
            write.doubt()
            raise
        if done:
            self.ledger.known.note(self.workspace_id, budget)
        else:
            write.take_back()
        return done

    def _finish(self, write: BudgetWrite) -> None:
        write.finish()
        for ask, one in write.grants:
            if one.refused:
                ask.refuse(BudgetRefused(write.budget, ask.wanted))
            elif one.call is not None:
                ask.grant(one.call)
        if write.grants:
            self.scarce = any(one.free == NOTHING for _, one in write.grants)
        self.asks = [ask for ask in self.asks if not ask.answer.done()]
        waiting = {ask.purse for ask in self.asks}
        self.purses = {p for p in self.purses if p.leased or p.dirty or p in waiting}

    def _is_due(self, purse: LedgerPurse) -> bool:
        return purse.dirty or (purse.free != NOTHING and self._is_idle(purse))

    def _is_idle(self, purse: LedgerPurse) -> bool:
        return purse.closed or self.ledger.clock() - purse.touched > self.ledger.idle

    def _free_to_keep(self, purse: LedgerPurse) -> Amount:
        return NOTHING if self.scarce or self._is_idle(purse) else purse.free.positive

    def _go_without(self) -> None:
        """Answer all: the workspace has no budget any more."""
        self.ledger.known.note(self.workspace_id, None)
        for ask in self.asks:
            if not ask.answer.done():
                ask.answer.set_result(None)
        for purse in self.purses:
            purse.forget()
        self.asks.clear()
        self.purses.clear()

    def give_up(self) -> None:
        for ask in self.asks:
            if not ask.answer.done():
                ask.answer.set_exception(Unavailable("The worker stops."))
