"""A run spends from its workspace's budget of the month, and ends plainly when that is used up."""

import pytest

from devkit.stores.budgets import MemoryBudgets
from executor.domain.budgets import known
from executor.domain.budgets.amounts import Amount, Limits
from executor.domain.budgets.budget import WorkspaceBudget, month_of
from executor.domain.budgets.ledger import Ledger
from executor.models.dialogue import Reply, Tokens
from executor.models.model import ModelFault


@pytest.fixture
def store():
    return MemoryBudgets()


@pytest.fixture
def run(stage, store):
    """Return what runs a crew under these limits, and waits until all is written down."""

    async def go(crew, limits, **given):
        month = month_of(stage.now)
        await store.insert(WorkspaceBudget("ws_1", limits, month, **given))
        ledger = Ledger(store, beat=0.01, now=lambda: stage.now)
        job = stage.job(crew)
        journal = stage.ledger_of(job)
        try:
            await stage.engine(purses=ledger).run(job, journal)
        finally:
            await ledger.close()
        return journal.events

    return go


def last(events):
    return events[-1].type, getattr(events[-1].body, "code", None)


async def test_what_a_job_uses_is_spent_of_the_month(stage, kit, store, run):
    stage.script.say = lambda *_: Reply("done", tokens=Tokens(100, 50, 0.25))
    events = await run(kit.crew(3), Limits(nano=10**10, tokens=100_000))
    assert last(events) == ("execution_complete", None)
    assert (store.held["ws_1"].spent, store.held["ws_1"].leases) == (Amount(75 * 10**7, 450), {})
    assert store.held["ws_1"].largest == {"m": Amount(25 * 10**7, 150)}


async def test_at_the_end_of_the_budget_a_job_ends_and_says_what_to_do(stage, kit, store, run):
    stage.script.price = 0.4
    stage.script.say = lambda *_: Reply("done", tokens=Tokens(10, 5, 0.4))
    events = await run(kit.crew(5), Limits(nano=10**9))
    assert last(events) == ("error", "BUDGET_EXCEEDED")
    assert "$0.8 of $1" in events[-1].body.message
    assert "PUT /workspace/budget" in events[-1].body.message
    assert len(stage.script.requests) == 2
    assert store.held["ws_1"].leases == {}


async def test_requests_at_once_exceed_it_by_one_call_at_most(stage, kit, store, run):
    stage.script.say = lambda *_: Reply("done", tokens=Tokens(900, 100, 0.0))
    crew = kit.crew(12, task={"async_execution": True})
    events = await run(crew, Limits(tokens=4_500))
    assert last(events) == ("error", "BUDGET_EXCEEDED")
    assert 3_500 <= store.held["ws_1"].spent.tokens <= 5_500


async def test_a_model_without_a_price_cannot_run_under_a_budget_of_money(stage, kit, run):
    stage.script.price = None
    events = await run(kit.crew(1), Limits(nano=10**9))
    assert last(events) == ("error", "COST_UNKNOWN")
    assert stage.script.requests == []


async def test_a_budget_of_money_that_has_just_gone_stops_no_job(stage, kit, store):
    stage.script.price = None
    ledger = Ledger(store, beat=0.01, now=lambda: stage.now)
    ledger.known.note("ws_1", WorkspaceBudget("ws_1", Limits(nano=10**9), month_of(stage.now)))
    journal = stage.ledger_of(job := stage.job(kit.crew(1)))
    try:
        await stage.engine(purses=ledger).run(job, journal)
    finally:
        await ledger.close()
    assert last(journal.events) == ("execution_complete", None)


async def test_a_failed_run_gives_back_what_it_did_not_use(stage, kit, store, run):
    def say(*_):
        raise RuntimeError("a bug")

    stage.script.say = say
    with pytest.raises(RuntimeError):
        await run(kit.crew(1), Limits(tokens=100_000))
    assert store.held["ws_1"].spent == Amount(0, 0)


async def test_what_was_used_before_there_was_a_budget_is_spent_and_is_no_single_call(
    stage, kit, store, run, monkeypatch
):
    monkeypatch.setattr(known, "FRESH", -1.0)
    find = store.find

    async def find_later(workspace_id):
        return await find(workspace_id) if len(stage.script.requests) >= 2 else None

    store.find = find_later
    stage.script.say = lambda *_: Reply("done", tokens=Tokens(900, 100, 0.0))
    events = await run(kit.crew(3), Limits(tokens=100_000))
    assert last(events) == ("execution_complete", None)
    held = store.held["ws_1"]
    assert (held.spent, held.largest) == (Amount(0, 3_000), {"m": Amount(0, 1_000)})


async def test_what_a_failed_request_wasted_is_not_part_of_the_next_ones_call(
    stage, kit, store, run
):
    def say(model, *_):
        if model == "b":
            return Reply("done", tokens=Tokens(100, 50, 0.0))
        stage.script.listeners[-1].on_waste(Tokens(9_000, 0, 0.0))
        raise ModelFault("MODEL_UNAVAILABLE", "The model m went away.")

    stage.script.say = say
    crew = kit.crew(1)
    agents = [one.model_copy(update={"fallback_models": ["b"]}) for one in crew.agents]
    await run(crew.model_copy(update={"agents": agents}), Limits(tokens=100_000))
    held = store.held["ws_1"]
    assert (held.spent, held.largest) == (Amount(0, 9_150), {"b": Amount(0, 150)})
