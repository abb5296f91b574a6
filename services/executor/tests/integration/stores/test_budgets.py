"""The stored budgets: changed by one writer at a time, in every store alike."""

from dataclasses import replace

from common.times import utc_now
from executor.domain.budgets.amounts import NOTHING, Amount, Limits
from executor.domain.budgets.budget import JobPurse, WorkspaceBudget


def budget(workspace_id="ws_1"):
    return WorkspaceBudget(workspace_id, Limits(5 * 10**9, None), "2026-11")


async def test_a_budget_is_stored_changed_and_removed(budgets):
    assert await budgets.find("ws_1") is None
    first = budget()
    assert await budgets.insert(first)
    assert not await budgets.insert(replace(first, spent=Amount(1, 1)))
    assert await budgets.find("ws_1") == first
    purse = JobPurse("job_1", 2, Amount(70, 7), NOTHING)
    second = first.leasing(purse, Amount(10**9, 0), utc_now()).with_largest(
        {"a.b/c:$d": Amount(3, 4)}
    )
    assert await budgets.replace(first, second)
    stored = await budgets.find("ws_1")
    assert stored == replace(second, version=2)
    assert not await budgets.replace(first, second), "somebody else was faster"
    assert [one.workspace_id for one in await budgets.with_leases("", 9)] == ["ws_1"]
    third = stored.settle(replace(purse, used=Amount(100, 9)), NOTHING, utc_now())
    assert await budgets.replace(stored, third)
    stored = await budgets.find("ws_1")
    assert (stored.spent, stored.leases, stored.version) == (Amount(30, 2), {}, 3)
    assert list(await budgets.with_leases("", 9)) == []
    await budgets.remove("ws_1")
    assert await budgets.find("ws_1") is None


async def test_leases_of_many_jobs_change_one_by_one(budgets):
    now, held = utc_now(), budget()
    await budgets.insert(held)
    for number in range(5):
        changed = held.leasing(JobPurse(f"job_{number}", 1, NOTHING, NOTHING), Amount(9, 9), now)
        assert await budgets.replace(held, changed)
        held = await budgets.find("ws_1")
    changed = held.settle(JobPurse("job_3", 1, Amount(4, 4), NOTHING), NOTHING, now)
    assert await budgets.replace(held, changed)
    held = await budgets.find("ws_1")
    assert sorted(held.leases) == ["job_0", "job_1", "job_2", "job_4"]
    assert held.leased == Amount(36, 36)


async def test_budgets_with_leases_are_found_in_parts(budgets):
    for number in range(5):
        held = budget(f"ws_{number}")
        await budgets.insert(held)
        if number != 2:
            purse = JobPurse("job_1", 1, NOTHING, NOTHING)
            assert await budgets.replace(held, held.leasing(purse, Amount(9, 9), utc_now()))
    found, after = [], ""
    while part := await budgets.with_leases(after, 2):
        assert len(part) <= 2
        found += [one.workspace_id for one in part]
        after = found[-1]
    assert found == ["ws_0", "ws_1", "ws_3", "ws_4"]
