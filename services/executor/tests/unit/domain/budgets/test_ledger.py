"""Workers spend from one budget, die and come back: together they never exceed it by more than one call.

Covers: executor.domain.budgets.budget, executor.domain.budgets.amounts, executor.domain.budgets.known,
executor.domain.budgets.audit
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from executor_testkit.budgets import WS, Watched, budget, spent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from common.contracts.events import ExecutionStatus, ModelUsage
from common.errors import Unavailable
from common.times import utc_now
from devkit.stores.budgets import MemoryBudgets
from devkit.stores.executions import MemoryExecutions
from executor.domain.budgets.amounts import NOTHING, Amount, Limits
from executor.domain.budgets.audit import BudgetAudit
from executor.domain.budgets.budget import Wanted, WorkspaceBudget, month_of
from executor.domain.budgets.ledger import Ledger
from executor.domain.budgets.purse import BudgetRefused
from executor.domain.log.execution import Execution

LIKELY, MOST = Amount(1_000, 100), Amount(2_000, 200)
WANTED = Wanted(LIKELY, MOST)


class Slow(MemoryBudgets):
    """A store that answers when it likes, and now and then stores something without an answer, or nothing."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self._dice = dice

    async def find(self, workspace_id):
        await self._wait()
        return await super().find(workspace_id)

    async def replace(self, before, after):
        await self._wait()
        self._fail_at_times()
        done = await super().replace(before, after)
        self._fail_at_times()
        await self._wait()
        return done

    def _fail_at_times(self):
        if self._dice.randrange(20) == 0:
            raise Unavailable

    async def _wait(self):
        for _ in range(self._dice.randrange(4)):
            await asyncio.sleep(0)


class Mortal:
    """One worker's way to the store. When it has died, nothing gets through, and no answer comes."""

    def __init__(self, store: MemoryBudgets) -> None:
        self._store = store
        self.died = False

    def __getattr__(self, name):
        async def call(*args):
            answer = None if self.died else await getattr(self._store, name)(*args)
            if self.died:
                await asyncio.Event().wait()
            return answer

        return call


@dataclass
class Office:
    """Workers with their ledgers, the jobs' logs, and what has really been used."""

    store: MemoryBudgets
    dice: random.Random
    log: dict[str, Amount] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    ledgers: list[Ledger] = field(default_factory=list)
    running: dict[str, tuple[int, asyncio.Task]] = field(default_factory=dict)

    def worker(self) -> int:
        self.ledgers.append(Ledger(Mortal(self.store), beat=0.002, idle=0.01, patience=600))
        return len(self.ledgers) - 1

    def begin(self, job_id: str, worker: int, calls: int) -> None:
        self.attempts[job_id] = self.attempts.get(job_id, 0) + 1
        run = self._run(job_id, self.ledgers[worker], calls)
        self.running[job_id] = worker, asyncio.create_task(run)

    async def _run(self, job_id, ledger, calls):
        self.log.setdefault(job_id, NOTHING)
        purse = ledger.open(WS, job_id, self.attempts[job_id], self.log[job_id])
        try:
            for _ in range(calls):
                held = await purse.hold(WANTED)
                try:
                    for _ in range(self.dice.randrange(5)):
                        await asyncio.sleep(0)
                    share = self.dice.choice([20, 50, 100])
                    used = Amount(MOST.nano * share // 100, MOST.tokens * share // 100)
                    self.log[job_id] = self.log[job_id].plus(used)
                finally:
                    purse.spend(held, self.log[job_id], "m")
        except BudgetRefused:
            self.refused.add(job_id)
        finally:
            purse.close(self.log[job_id])

    async def kill(self, worker: int) -> list[str]:
        """Let a worker vanish; return the jobs that it ran."""
        self.ledgers[worker].budgets.died = True
        held = self.running.items()
        theirs = [name for name, (owner, one) in held if owner == worker and not one.done()]
        for name in theirs:
            self.running[name][1].cancel()
            await asyncio.wait({self.running[name][1]})
        return theirs

    @property
    def used(self) -> Amount:
        total = NOTHING
        for amount in self.log.values():
            total = total.plus(amount)
        return total


async def audit(office: Office) -> None:
    """Settle, as after a while, what dead workers have left of jobs that had ended."""
    executions = MemoryExecutions()
    for job_id, used in office.log.items():
        worker, task = office.running[job_id]
        left = task.done() and office.ledgers[worker].budgets.died
        status = ExecutionStatus.FAILED if left else ExecutionStatus.RUNNING
        usage = ModelUsage(input_tokens=used.tokens, cost_usd=used.usd)
        job = Execution(job_id, WS, "crew_1", utc_now(), status=status)
        await executions.insert(replace(job, state=structs.replace(job.state, usage=usage)))
    with contextlib.suppress(Unavailable):
        await BudgetAudit(office.store, executions).look(utc_now() + timedelta(minutes=2))


async def settle_all(office: Office) -> WorkspaceBudget:
    for ledger in office.ledgers:
        await ledger.close(0.01 if ledger.budgets.died else 10.0)
    office.store.replace = super(Slow, office.store).replace
    await audit(office)
    return office.store.held[WS]


@pytest.mark.usefixtures("soon")
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 10**6), calls=st.integers(1, 150), by=st.sampled_from(["nano", "tokens"])
)
async def test_no_story_of_workers_exceeds_the_budget_by_more_than_a_call(seed, calls, by):
    dice = random.Random(seed)
    office = Office(Slow(dice), dice)
    limit = getattr(MOST, by) * calls // 2
    limits = Limits(**{by: limit})
    await office.store.insert(budget(limits))
    workers = [office.worker() for _ in range(8)]
    for number in range(dice.randrange(1, 25)):
        office.begin(f"job_{number}", dice.choice(workers), dice.randrange(1, 12))
    async with asyncio.timeout(60):
        for _ in range(dice.randrange(5)):
            for _ in range(dice.randrange(40)):
                await asyncio.sleep(0)
            orphans = await office.kill(workers.pop()) if len(workers) > 1 else []
            for name in orphans:
                office.begin(name, dice.choice(workers), dice.randrange(1, 12))
        left = {task for _, task in office.running.values()}
        while left:
            _, left = await asyncio.wait(left, timeout=0.02)
            await audit(office)
    used, call = getattr(office.used, by), getattr(MOST, by)
    assert used <= limit + call
    if office.refused:
        assert used >= limit - call, "refused although there was room"
    left = await settle_all(office)
    assert left.leases == {}
    assert limits.limited_part(left.spent) == limits.limited_part(office.used)


async def test_while_there_is_plenty_a_job_writes_once_for_many_calls():
    store = MemoryBudgets()
    await store.insert(budget(Limits(tokens=1_000_000)))
    ledger = Ledger(store, beat=30.0)
    purse = await spent(ledger, "job_1", *[Amount(0, 10)] * 8)
    assert store.writes == 2, "the budget itself, and one lease for eight calls"
    purse.close(Amount(0, 80))
    await ledger.close()
    assert (store.held[WS].spent, store.held[WS].leases) == (Amount(0, 80), {})
    assert store.held[WS].largest == {"m": Amount(0, 10)}


async def test_a_workspace_without_a_budget_is_read_once_a_second():
    store = MemoryBudgets()
    ledger = Ledger(store)
    for number in range(100):
        await spent(ledger, f"job_{number}", MOST)
    assert (store.reads, store.writes) == (1, 0)


async def test_a_call_that_does_not_fit_alone_is_refused_and_one_that_fits_later_waits():
    store = Watched()
    await store.insert(budget(Limits(tokens=300)))
    ledger = Ledger(store, beat=0.01)
    first = ledger.open(WS, "job_1", 1, NOTHING)
    held = await first.hold(Wanted(Amount(0, 200), Amount(0, 200)))
    second = ledger.open(WS, "job_2", 1, NOTHING)
    waiting = asyncio.create_task(second.hold(Wanted(Amount(0, 200), Amount(0, 200))))
    await store.asked(3)
    assert not waiting.done(), "it fits if the first uses less than was set aside"
    first.spend(held, Amount(0, 50))
    first.close(Amount(0, 50))
    assert await waiting == Amount(0, 200)
    third = ledger.open(WS, "job_3", 1, NOTHING)
    with pytest.raises(BudgetRefused):
        await third.hold(Wanted(Amount(0, 400), Amount(0, 400)))
    second.close(NOTHING)
    await ledger.close()


async def test_a_call_of_unknown_size_goes_out_alone_if_it_is_likely_to_fit():
    store = MemoryBudgets()
    await store.insert(budget(Limits(tokens=300)))
    ledger = Ledger(store, beat=0.01)
    purse = ledger.open(WS, "job_1", 1, NOTHING)
    held = await purse.hold(Wanted(Amount(0, 100), Amount(0, 4_000)))
    assert held == Amount(0, 300), "all that is left, so that nobody else goes out"
    purse.spend(held, Amount(0, 310))
    with pytest.raises(BudgetRefused):
        await purse.hold(Wanted(Amount(0, 1), Amount(0, 1)))
    await ledger.close()


async def test_a_run_waits_for_a_store_that_is_down_and_no_longer_than_its_patience():
    store = MemoryBudgets()
    await store.insert(budget(Limits(tokens=300)))
    find, left = store.find, 3

    async def find_later(workspace_id):
        nonlocal left
        left -= 1
        if left > 0:
            raise Unavailable("The database does not answer.")
        return await find(workspace_id)

    store.find = find_later
    patient = Ledger(store, beat=0.01, patience=600)
    asked = Wanted(Amount(0, 100), Amount(0, 100))
    assert await patient.open(WS, "job_1", 1, NOTHING).hold(asked) == Amount(0, 100)
    await patient.close()
    left = 1_000
    impatient = Ledger(store, beat=0.01)
    with pytest.raises(Unavailable):
        await impatient.open(WS, "job_2", 1, NOTHING).hold(asked)
    await impatient.close()


async def test_a_new_month_begins_with_nothing_spent():
    store, days = MemoryBudgets(), timedelta(days=40)
    await store.insert(budget(Limits(tokens=100), spent=Amount(0, 100)))
    ledger = Ledger(store, beat=0.01, now=lambda: utc_now() + days)
    purse = await spent(ledger, "job_1", Amount(0, 60))
    purse.close(Amount(0, 60))
    await ledger.close()
    assert store.held[WS].month == month_of(utc_now() + days)
    assert store.held[WS].spent == Amount(0, 60)


async def test_a_call_that_is_cut_off_while_it_waits_leaves_nothing_behind():
    store = Watched()
    await store.insert(budget(Limits(tokens=100)))
    ledger = Ledger(store, beat=0.01)
    first = await spent(ledger, "job_1")
    await first.hold(Wanted(Amount(0, 90), Amount(0, 90)))
    second = ledger.open(WS, "job_2", 1, NOTHING)
    waiting = asyncio.create_task(second.hold(Wanted(Amount(0, 90), Amount(0, 90))))
    await store.asked(3)
    waiting.cancel()
    await asyncio.wait({waiting})
    second.close(NOTHING)
    first.close(NOTHING)
    await ledger.close()
    assert store.held[WS].leases == {}


async def test_a_store_that_is_away_is_told_to_who_asks_and_nothing_is_lost():
    store = Watched()
    await store.insert(budget(Limits(tokens=1_000)))
    ledger = Ledger(store, beat=0.01)
    purse = ledger.open(WS, "job_1", 1, NOTHING)
    assert await purse.budget() == store.held[WS]
    store.away = True
    with pytest.raises(Unavailable):
        await purse.hold(WANTED)
    store.away = False
    held = await purse.hold(WANTED)
    store.away = True
    purse.spend(held, MOST)
    purse.close(MOST)
    await store.asked(1)
    store.away = False
    await ledger.close(5.0)
    assert store.held[WS].spent.tokens == MOST.tokens


async def test_a_budget_that_is_removed_stops_nobody():
    store = MemoryBudgets()
    await store.insert(budget(Limits(tokens=100)))
    ledger = Ledger(store, beat=0.01)
    first = ledger.open(WS, "job_1", 1, NOTHING)
    await first.hold(Wanted(Amount(0, 90), Amount(0, 90)))
    waiting = asyncio.create_task(first.hold(Wanted(Amount(0, 90), Amount(0, 90))))
    await store.remove(WS)
    assert await waiting is None
    await ledger.close()
