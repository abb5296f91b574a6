"""What a job uses is counted once, also if the store's answers are lost or others settle it first.

Covers: executor.domain.budgets.write, executor.domain.budgets.purse, executor.domain.budgets.audit
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from executor_testkit.budgets import WS, Watched, budget, spent
from msgspec import structs

from common.contracts.events import ExecutionStatus, ModelUsage
from common.errors import Unavailable
from common.times import utc_now
from devkit.stores.executions import MemoryExecutions
from executor.domain.budgets.amounts import NOTHING, Amount, Limits
from executor.domain.budgets.audit import BudgetAudit
from executor.domain.budgets.budget import JobPurse, Wanted
from executor.domain.budgets.ledger import Ledger
from executor.domain.budgets.purse import BudgetRefused, LedgerPurse
from executor.domain.log.execution import Execution

USED = Amount(0, 5_000)


async def spent_and_lost(store: Watched) -> tuple[Ledger, LedgerPurse]:
    """Let a job use something, and the write that gives back the rest be stored without an answer."""
    await store.insert(budget(Limits(tokens=1_000_000)))
    ledger = Ledger(store, beat=0.01)
    purse = await spent(ledger, "job_1", USED)
    store.lost = True
    return ledger, purse


@pytest.mark.usefixtures("soon")
async def test_a_use_is_counted_once_if_the_answer_to_its_write_is_lost():
    store = Watched()
    ledger, purse = await spent_and_lost(store)
    purse.close(USED)
    await ledger.close(60.0)
    assert (store.lost, store.held[WS].spent, store.held[WS].leases) == (False, USED, {})


@pytest.mark.usefixtures("soon")
async def test_a_job_goes_on_after_a_write_without_an_answer_with_no_more_than_is_set_aside():
    store = Watched()
    ledger, purse = await spent_and_lost(store)
    assert purse.free != NOTHING
    ledger.idle = -1.0  # so that it gives back what it does not use
    async with asyncio.timeout(60):
        while store.lost or store.held[WS].leases:
            await store.asked(1)
    ledger.idle = 60.0
    held = await purse.hold(Wanted(USED, USED))
    assert store.held[WS].leased.covers(purse.job.held.plus(purse.free)), "nothing is spent unseen"
    purse.spend(held, USED.times(2))
    purse.close(USED.times(2))
    await ledger.close(60.0)
    assert (store.held[WS].spent, store.held[WS].leases) == (USED.times(2), {})


@pytest.mark.usefixtures("soon")
async def test_what_was_used_before_there_was_a_budget_is_counted_once_if_an_answer_is_lost():
    store = Watched()
    await store.insert(budget(Limits(tokens=100)))
    ledger = Ledger(store, beat=0.01)
    purse = ledger.open(WS, "job_1", 1, NOTHING)
    purse.catch_up(USED)
    store.lost = True
    with pytest.raises(Unavailable):
        await purse.hold(Wanted(USED, USED))
    with pytest.raises(BudgetRefused):
        await purse.hold(Wanted(USED, USED))
    purse.close(USED)
    await ledger.close(60.0)
    assert (store.held[WS].spent, store.held[WS].leases) == (USED, {})


async def test_a_use_that_the_audit_has_settled_is_not_counted_again_by_its_worker():
    store, executions = Watched(), MemoryExecutions()
    await store.insert(budget(Limits(tokens=100_000)))
    ledger = Ledger(store, beat=30.0)
    purse = await spent(ledger, "job_1", USED)
    usage = ModelUsage(input_tokens=USED.tokens)
    job = Execution("job_1", WS, "crew_1", utc_now(), status=ExecutionStatus.FAILED)
    await executions.insert(replace(job, state=structs.replace(job.state, usage=usage)))
    await BudgetAudit(store, executions).look(utc_now() + timedelta(minutes=2))
    assert store.held[WS].spent == USED
    purse.close(USED)
    await ledger.close()
    assert store.held[WS].spent == USED


async def leased(store: Watched, workspace_id: str, *job_ids: str) -> None:
    """Store a budget with leases of these jobs."""
    made = replace(budget(Limits(tokens=100_000)), workspace_id=workspace_id)
    for job_id in job_ids:
        made = made.leasing(JobPurse(job_id, 1, NOTHING, NOTHING), Amount(0, 10), utc_now())
    await store.insert(made)


async def test_leases_are_looked_at_however_many_before_them_stay():
    """Of 451 budgets, and of 150 jobs of one of them, only the last ones have come to rest."""
    store, executions = Watched(), MemoryExecutions()
    running = [f"job_{number:03}" for number in range(120)]
    for job_id in running:
        job = Execution(job_id, WS, "crew_1", utc_now(), status=ExecutionStatus.RUNNING)
        await executions.insert(job)
    for number in range(450):
        await leased(store, f"ws_{number:03}", running[0])
    await leased(store, "ws_last", *running, *(f"job_gone_{number}" for number in range(30)))
    audit = BudgetAudit(store, executions)
    for _ in range(6):  # three for all budgets, twice
        await audit.look(utc_now() + timedelta(minutes=2))
    assert sorted(store.held["ws_last"].leases) == running
    assert all(len(one.leases) == 1 for name, one in store.held.items() if name != "ws_last")
