"""The counters' own bookkeeping: what they remember of crews, and what they forget of jobs."""

from datetime import timedelta

from common.contracts.events import ExecutionStatus
from common.times import utc_now
from executor.domain.ending.tallies import Ending
from executor.domain.log.execution import Execution
from executor.store import counters
from executor.store.counters import MongoCounters
from executor.store.executions import MongoExecutions
from executor.store.migrations import indexes


def ending(job_id: str) -> Ending:
    return Ending(job_id, "2026-11", ExecutionStatus.COMPLETED, tokens=1, seconds=1.0)


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
