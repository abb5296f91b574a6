"""The counters' own bookkeeping: what they remember of crews, and what they forget of jobs."""

from dataclasses import replace
from datetime import date, timedelta

from common.contracts.events import ExecutionStatus, ModelUsage
from common.times import utc_now
from executor.domain.ending.tallies import Ending
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


async def test_days_are_summed_by_model_and_move_to_the_archive(counters, database, monkeypatch):
    today = utc_now().date()
    yesterday, long_ago = today - timedelta(days=1), today - timedelta(days=90)
    await counters.count("ws_1", "crew_1", [used("job_1", today, gpt_4=10, o3=5)])
    await counters.count("ws_1", "crew_1", [used("job_2", today, gpt_4=7)])
    await counters.count("ws_1", "crew_2", [used("job_3", yesterday, gpt_4=1)])
    await counters.count("ws_2", "crew_3", [used("job_4", today, gpt_4=99)])

    async def days(since, until):
        found = await counters.days("ws_1", since.isoformat(), until.isoformat())
        return {
            (one.crew_id, one.day): (
                one.tally.executions,
                {n: u.input for n, u in one.models.items()},
            )
            for one in found
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


async def test_tokens_without_a_price_are_kept_apart(counters, database):
    today = utc_now().date()
    month, day = f"{today:%Y-%m}", today.isoformat()
    free = ModelUsage(input_tokens=4, output_tokens=2)
    priced = used("job_1", today, gpt_4=10)
    await counters.count(
        "ws_1", "crew_1", [priced, replace(used("job_2", today), models={"my.7b": free})]
    )
    (crew,) = await counters.of_workspace("ws_1")
    assert (crew.uses[month].unpriced, crew.uses[month].nano) == (6, 10_000_000)
    (told,) = await counters.days("ws_1", day, day)
    assert {name: use.unpriced for name, use in told.models.items()} == {"gpt.4": 0, "my.7b": 6}
    if database is not None:  # an older release makes a sum of each field that it finds here
        stored = await database["counters"].find_one({"_id": "ws_1:crew_1"})
        assert "unpriced" not in stored["uses"][month]


async def test_a_job_that_is_counted_late_is_counted_today(counters, database):
    today = utc_now().date()
    await counters.count("ws_1", "crew_1", [used("job_1", today - timedelta(days=60), gpt_4=3)])
    if database is not None:
        (day,) = await counters.days("ws_1", today.isoformat(), today.isoformat())
        assert day.models["gpt.4"].input == 3


async def test_of_very_many_models_some_are_told_apart(counters, database):
    if database is None:
        return
    today = utc_now().date()
    for number in range(40):
        await counters.count("ws_1", "crew_1", [used(f"job_{number}", today, **{f"m{number}": 1})])
    (day,) = await counters.days("ws_1", today.isoformat(), today.isoformat())
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
