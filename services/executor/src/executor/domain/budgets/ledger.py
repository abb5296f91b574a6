"""Spends from the budgets of workspaces, for the jobs that one process runs.

A job takes a lease by one conditional write, spends from it in memory, and gives back what is left: when it ends,
when it has not called a model for a while, and at once when little is left of the budget. All jobs of a workspace
share the writes of their process.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from common.errors import Unavailable
from common.logs import get_logger
from common.process.background import Background
from common.process.backoff import Backoff
from common.times import utc_now
from executor.domain.budgets.amounts import NOTHING, Amount
from executor.domain.budgets.budget import (
    MODELS,
    Grant,
    JobPurse,
    Wanted,
    WorkspaceBudget,
    grant,
)
from executor.domain.budgets.known import KnownBudgets
from executor.domain.budgets.ports import Budgets

log = get_logger(__name__)
T = TypeVar("T")

_BACKOFF = Backoff((0.02, 0.05, 0.1, 0.2, 0.5))
_AWAY = Backoff((0.1, 0.5, 1.0, 2.0))
_IDLE = 2.0


class BudgetRefused(Exception):  # noqa: N818 - it says what happened to a call
    """A call does not fit into what is left of the month's budget."""

    def __init__(self, budget: WorkspaceBudget, wanted: Wanted) -> None:
        super().__init__(budget.workspace_id)
        self.budget = budget
        self.wanted = wanted


@dataclass(eq=False, slots=True)
class _Ask:
    purse: "LedgerPurse"
    wanted: Wanted
    answer: "asyncio.Future[Amount | None]"

    def grant(self, amount: Amount) -> None:
        """Hand `amount` to the call; if that has been cut off, it is there for the next one."""
        self.purse.free = self.purse.free.plus(amount)
        if not self.answer.done():
            self.purse.take(amount)
            self.answer.set_result(amount)

    def refuse(self, fault: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(fault)


class LedgerPurse:
    """What one run of a job spends from. `used` is what the job had used before."""

    def __init__(self, ledger: "Ledger", workspace_id: str, job: JobPurse) -> None:
        self.workspace_id = workspace_id
        self.job = job
        self.free = NOTHING
        self.closed = False
        self.leased = False
        self.dirty = False
        self.touched = 0.0
        self._ledger = ledger

    async def budget(self) -> WorkspaceBudget | None:
        """Return the budget of the job's workspace, as it was a second ago at most. Raises `Unavailable`."""
        return await self._ledger.wait_for_store(lambda: self._ledger.known.of(self.workspace_id))

    async def hold(self, wanted: Wanted) -> Amount | None:
        """Set aside what a call needs; wait for others if it only fits once they have used less.

        Returns None if the workspace has no budget. Raises `BudgetRefused` and `Unavailable`.
        """
        budget = await self.budget()
        if budget is None:
            return None
        most = budget.limits.limited_part(wanted.most)
        self.touched = self._ledger.clock()
        if self.leased and self.free.covers(most):
            self.take(most)
            return most
        return await self._ledger.wait_for_store(lambda: self._ledger.ask(self, wanted))

    def take(self, amount: Amount) -> None:
        self.free = self.free.minus(amount)
        self.job = replace(self.job, held=self.job.held.plus(amount))

    def spend(self, held: Amount | None, used: Amount, model: str = "") -> None:
        """End a call to `model` for which `held` was set aside; the job has now used `used` in all."""
        before, self.job = self.job, replace(self.job, used=used)
        if held is None:
            self.job = replace(self.job, counted=used)
            return
        spent = used.minus(before.used).positive
        if model and spent != NOTHING:
            self._ledger.learn(self.workspace_id, model, spent)
        self.job = replace(self.job, held=before.held.minus(held).positive)
        self.free = self.free.plus(held).minus(spent)
        self.touched, self.dirty = self._ledger.clock(), True
        self._ledger.note(self)

    def forget(self) -> None:
        """Go on without a budget."""
        self.free, self.leased, self.dirty = NOTHING, False, False
        self.job = replace(self.job, held=NOTHING, counted=self.job.used)

    def close(self, used: Amount) -> None:
        """Give back what is left: the run is over."""
        self.closed = True
        self.job = replace(self.job, used=used, held=NOTHING)
        if self.leased or self.dirty:
            self.dirty = True
            self._ledger.note(self)


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
        desk.asks.append(_Ask(purse, wanted, answer))
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
    asks: list[_Ask] = field(default_factory=list)
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
            draft = _Draft(stored, self.ledger.now())
            for purse in due:
                draft.report(purse, self._free_to_keep(purse))
            for ask in self.asks:
                draft.serve(ask)
            if await self._store(draft):
                self._finish(draft)
                return
            tries += 1
            await asyncio.sleep(_BACKOFF.pause(tries))
        self.purses = {purse for purse in self.purses if purse.leased}

    async def _store(self, draft: "_Draft") -> bool:
        """Store a draft. What it gives back is not spent meanwhile, and is there again if it was not stored."""
        budget = draft.budget.with_largest(self.largest)
        done = False
        draft.give_back()
        try:
            done = budget == draft.stored or await self.ledger.budgets.replace(draft.stored, budget)
        finally:
            if not done:
                draft.take_back()
        if done:
            self.ledger.known.note(self.workspace_id, budget)
        return done

    def _finish(self, draft: "_Draft") -> None:
        draft.finish()
        for ask, one in draft.grants:
            if one.refused:
                ask.refuse(BudgetRefused(draft.budget, ask.wanted))
            elif one.call is not None:
                ask.grant(one.call)
        if draft.grants:
            self.scarce = any(one.free == NOTHING for _, one in draft.grants)
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


class _Draft:
    """A budget as it shall be, with what that means for the purses of a workspace."""

    def __init__(self, stored: WorkspaceBudget, now: datetime) -> None:
        self.stored = stored
        self.budget = stored.at(now)
        self.grants: list[tuple[_Ask, Grant]] = []
        self._now = now
        self._jobs: dict[LedgerPurse, JobPurse] = {}
        self._free: dict[LedgerPurse, Amount] = {}
        self._given: dict[LedgerPurse, Amount] = {}

    def report(self, purse: LedgerPurse, free: Amount) -> None:
        """Write down what a purse has spent, and keep only `free` of what is at hand."""
        job = purse.job
        self.budget = self.budget.settle(job, job.held.plus(free), self._now)
        self._jobs[purse], self._free[purse] = replace(job, counted=job.used), free

    def serve(self, ask: _Ask) -> None:
        """Set aside what a call needs, if it can be."""
        job = self._jobs.get(ask.purse, ask.purse.job)
        one = grant(self.budget, job, ask.wanted, self._now)
        held = job.held if one.call is None else job.held.plus(one.call)
        counted = job.used
        self._jobs[ask.purse] = replace(job, held=held, counted=counted)
        self._free[ask.purse] = one.free
        self.budget = one.budget
        self.grants.append((ask, one))

    def give_back(self) -> None:
        for purse in self._free:
            self._given[purse] = purse.free
            purse.free = NOTHING

    def take_back(self) -> None:
        for purse, given in self._given.items():
            purse.free = purse.free.plus(given)

    def finish(self) -> None:
        """Take over into the purses what has been stored."""
        for purse, job in self._jobs.items():
            purse.free = purse.free.plus(self._free[purse])
            purse.job = replace(purse.job, counted=job.used)
            lease = self.budget.leases.get(job.job_id)
            purse.leased = lease is not None and lease.attempt == job.attempt
            purse.dirty = purse.job.used != job.used or (purse.closed and purse.leased)
