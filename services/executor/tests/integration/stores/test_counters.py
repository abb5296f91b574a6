"""The counters' own bookkeeping: what they remember of crews, and what they forget of jobs."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from common.contracts.events import ExecutionStatus, ModelUsage
from common.times import utc_now
from devkit.loop_lag import loop_lag
from devkit.stores.executions import MemoryExecutions
from executor.domain.api.usage import UsageTables
from executor.domain.ending.tallies import DayUse, Ending
from executor.domain.log.execution import Execution
from executor.store import counters
from executor.store.counters import MongoCounters
from executor.store.executions import MongoExecutions
from executor.store.migrations import indexes


def ending(job_id: str) -> Ending:
    return Ending(job_id, "2026-11", ExecutionStatus.COMPLETED, tokens=1, seconds=1.0)


def used(job_id: str, day: date, **models: int) -> Ending:
    """Return a job that ended on `day` and used these tokens, a dollar for a thousand."""
    usages = {
        name.replace("_", "."): ModelUsage(input_tokens=count, cost_usd=count / 1_000)
        for name, count in models.items()
    }
    told = f"{day:%Y-%m}", ExecutionStatus.COMPLETED, sum(models.values()), 2.0
    return Ending(job_id, *told, day=day.isoformat(), models=usages)


async def days_in(counters, since: date, until: date) -> list[DayUse]:
    parts = counters.days("ws_1", since.isoformat(), until.isoformat())
    return [day async for part in parts for day in part]


async def test_days_are_summed_by_model_and_move_to_the_archive(counters, database, monkeypatch):
    today = utc_now().date()
    yesterday, long_ago = today - timedelta(days=1), today - timedelta(days=90)
    await counters.count("ws_1", "crew_1", [used("job_1", today, gpt_4=10, o3=5)])
    await counters.count("ws_1", "crew_1", [used("job_2", today, gpt_4=7)])
    await counters.count("ws_1", "crew_2", [used("job_3", yesterday, gpt_4=1)])
    await counters.count("ws_2", "crew_3", [used("job_4", today, gpt_4=99)])

    async def days(since, until):
        return {
            (one.crew_id, one.day): (
                one.tally.executions,
                {n: u.input for n, u in one.models.items()},
            )
            for one in await days_in(counters, since, until)
        }

    two = {("crew_1", today.isoformat()): (2, {"gpt.4": 17, "o3": 5})}
    three = {**two, ("crew_2", yesterday.isoformat()): (1, {"gpt.4": 1})}
    assert await days(yesterday, today) == three
    assert await days(today, today) == two
    (crew,) = [one for one in await counters.of_workspace("ws_1") if one.crew_id == "crew_1"]
    assert crew.uses[f"{today:%Y-%m}"].nano == 22_000_000
    if database is None:
        return
    monkeypatch.setattr("executor.store.usage._LATEST", timedelta(days=999))
    await counters.count("ws_1", "crew_1", [used("job_5", long_ago, gpt_4=3)])
    old = {("crew_1", long_ago.isoformat()): (1, {"gpt.4": 3})}
    assert await days(long_ago, today) == {**three, **old}
    await counters._prune("ws_1:crew_1")
    stored = await database["counters"].find_one({"_id": "ws_1:crew_1"})
    assert list(stored["days"]) == [today.isoformat()]
    assert await days(long_ago, today) == {**three, **old}
    assert await days(long_ago, long_ago) == old


async def test_replays_are_counted_beside_the_runs(counters, database):
    today = utc_now().date()
    run = used("job_1", today, gpt_4=10)
    replays = [
        replace(used("job_2", today, gpt_4=1), replay=True, seconds=0.01),
        replace(used("job_3", today), replay=True, status=ExecutionStatus.FAILED),
    ]
    await counters.count("ws_1", "crew_1", [run, *replays])
    (stats,) = await counters.of_workspace("ws_1")
    (told,) = await days_in(counters, today, today)
    for total in (stats.total, told.tally):
        assert (total.executions, total.runs, total.tokens) == (3, 1, 11)
        assert (total.success_rate, total.avg_duration) == (1.0, 2.0)
        assert (total.completed, total.failed) == (2, 1), "lists are told by status"
    if database is not None:  # an older release makes a sum of each field that it finds here
        stored = await database["counters"].find_one({"_id": "ws_1:crew_1"})
        assert "replays" not in stored["months"][f"{today:%Y-%m}"]
        assert "replays" not in stored["days"][today.isoformat()]["jobs"]


async def test_tokens_without_a_price_are_kept_apart(counters, database):
    today = utc_now().date()
    month = f"{today:%Y-%m}"
    free = ModelUsage(input_tokens=4, output_tokens=2)
    priced = used("job_1", today, gpt_4=10)
    await counters.count(
        "ws_1", "crew_1", [priced, replace(used("job_2", today), models={"my.7b": free})]
    )
    (crew,) = await counters.of_workspace("ws_1")
    assert (crew.uses[month].unpriced, crew.uses[month].nano) == (6, 10_000_000)
    (told,) = await days_in(counters, today, today)
    assert {name: use.unpriced for name, use in told.models.items()} == {"gpt.4": 0, "my.7b": 6}
    if database is not None:  # an older release makes a sum of each field that it finds here
        stored = await database["counters"].find_one({"_id": "ws_1:crew_1"})
        assert "unpriced" not in stored["uses"][month]


async def test_a_day_that_moves_while_days_are_read_is_counted_once(
    counters, database, monkeypatch
):
    if database is None:
        return
    today = utc_now().date()
    days = [today - timedelta(days=90), today - timedelta(days=60), today]
    monkeypatch.setattr("executor.store.usage._LATEST", timedelta(days=999))
    for number in range(25):
        for day in days:
            job = used(f"job_{number}_{day}", day, gpt_4=1)
            await counters.count("ws_1", f"crew_{number:02}", [job])

    async def look(turns: int) -> list[tuple[str, str]]:
        """Read the days; have them all moved after so many parts."""
        parts, found = counters.days("ws_1", days[0].isoformat(), today.isoformat()), []
        async for part in parts:
            found += [(one.crew_id, one.day) for one in part]
            turns -= 1
            if turns == 0:
                for number in range(25):
                    await counters._prune(f"ws_1:crew_{number:02}")
        return sorted(found)

    wanted = sorted((f"crew_{n:02}", d.isoformat()) for n in range(25) for d in days)
    assert await look(3) == wanted
    assert await look(0) == wanted


@pytest.mark.parametrize("groups", [["crew", "day"], ["model"]])
async def test_the_use_of_many_crews_does_not_hold_the_loop(counters, database, groups):
    if database is None:
        return
    today = utc_now().date()
    days = [today - timedelta(days=number) for number in range(62)]
    use = {"requests": 1, "input": 10, "output": 10, "nano": 1}
    models = {f"m{number}": use for number in range(8)}
    sums = {day.isoformat(): {"jobs": {"completed": 1}, "models": models} for day in days}
    for number in range(80):
        names = {"workspace_id": "ws_1", "crew_id": f"crew_{number:02}"}
        held = {"_id": f"ws_1:crew_{number:02}", **names, "days": sums}
        await database["counters"].insert_one(held)
    tables = UsageTables(counters, MemoryExecutions())
    async with loop_lag():
        table = await tables.table("ws_1", (days[-1], today), groups, limit=20, after=None)
    assert table.total.tally.executions == 80 * 62


async def test_a_job_that_is_counted_late_is_counted_today(counters, database):
    today = utc_now().date()
    await counters.count("ws_1", "crew_1", [used("job_1", today - timedelta(days=60), gpt_4=3)])
    if database is not None:
        (day,) = await days_in(counters, today, today)
        assert day.models["gpt.4"].input == 3


async def test_of_very_many_models_some_are_told_apart(counters, database):
    if database is None:
        return
    today = utc_now().date()
    for number in range(40):
        await counters.count("ws_1", "crew_1", [used(f"job_{number}", today, **{f"m{number}": 1})])
    (day,) = await days_in(counters, today, today)
    assert len(day.models) == 33
    assert day.models["other"].input == 8


async def test_however_many_crews_there_are_few_are_remembered(store_database, monkeypatch):
    monkeypatch.setattr(counters, "_REMEMBERED", 3)
    database = store_database("executor")
    await indexes(database)
    made = MongoCounters(database)
    for number in range(9):
        await made.count("ws_1", f"crew_{number}", [ending(f"job_{number}")])
    assert list(made._since_pruned) == ["ws_1:crew_6", "ws_1:crew_7", "ws_1:crew_8"]
    counted = await made.of_workspace("ws_1")
    assert sum(stats.total.executions for stats in counted) == 9


async def test_closed_jobs_are_taken_off_the_list_now_and_then(store_database, monkeypatch):
    monkeypatch.setattr(counters, "_PRUNE_EVERY", 3)
    monkeypatch.setattr(counters, "_KEPT", timedelta(seconds=-1))  # all are old enough
    executions = MongoExecutions(store_database("executor"))
    made = MongoCounters(store_database("executor"))
    for number in range(5):
        job_id = f"job_{number}"
        await executions.insert(
            Execution(job_id, "ws_1", "crew_1", utc_now(), ExecutionStatus.COMPLETED)
        )
        if number != 1:
            await executions.close([job_id])
        await made.count("ws_1", "crew_1", [ending(job_id)])
    stats = await made.of_crew("ws_1", "crew_1", recent=True)
    assert stats is not None
    assert stats.total.executions == 5
    assert stats.recent == {"job_1", "job_3", "job_4"}  # one is open, two came after the third
