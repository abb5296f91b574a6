"""Lists, counters and leases in both forms of their stores.

Covers: executor.store.newest
"""

from datetime import timedelta

from common.contracts.events import ExecutionStatus
from common.storage.migrations import migrate
from common.times import utc_now
from executor.domain.ending.tallies import Ending
from executor.store.migrations import SCHEMA


def ending(n: int, status=ExecutionStatus.COMPLETED, month="2026-11") -> Ending:
    return Ending(f"job_{n}", month, status, tokens=10, seconds=2.0)


async def test_lists_show_the_newest_first(lists, new_job, claimed):
    now = utc_now()
    ages = [0, 1, 30, 3_600, 86_400 * 3, 86_400 * 400]
    jobs = [await new_job(created_at=now - timedelta(seconds=age)) for age in ages]
    await new_job(workspace_id="ws_other")
    other_crew = await new_job(crew_id="crew_2", created_at=now - timedelta(days=30))
    running = await claimed(jobs[3])
    every = [*jobs[:5], other_crew, jobs[5]]

    async def ids(skip=0, limit=20, crew_id=None, status=None):
        wanted = {"crew_id": crew_id, "status": status}
        open_jobs = await lists.open_jobs("ws_test", **wanted, limit=99)
        rows = await lists.page("ws_test", open_jobs, **wanted, skip=skip, limit=limit)
        return [row.job_id for row in rows]

    assert await ids() == [job.job_id for job in every]
    assert await ids(2, 3) == [job.job_id for job in every[2:5]]
    assert await ids(100) == []
    assert await ids(crew_id="crew_2") == [other_crew.job_id]
    assert await ids(status=ExecutionStatus.RUNNING) == [running.job_id]
    assert len(await lists.open_jobs("ws_test", crew_id="crew_abc123", status=None, limit=9)) == 6
    heads = await lists.heads([running.job_id, "job_none"])
    assert dict(heads) == {running.job_id: ("running", 1)}


async def test_leases_show_everybodys_counter_and_who_is_full(leases):
    await leases.beat("worker_1", 1, full=True)
    told = await leases.beat("worker_2", 7)
    assert (dict(told.counters), told.full) == ({"worker_1": 1, "worker_2": 7}, {"worker_1"})
    assert (await leases.beat("worker_1", 2)).full == frozenset()
    await leases.beat("worker_1", 3, full=True)
    await leases.leave("worker_1")
    told = await leases.beat("worker_2", 8)
    assert (dict(told.counters), told.full) == ({"worker_2": 8}, frozenset())
    assert dict(await leases.counters()) == {"worker_2": 8}


async def test_a_job_is_counted_once_however_often_it_is_told(counters):
    assert await counters.of_crew("ws_test", "crew_1") is None
    await counters.count("ws_test", "crew_1", [ending(1), ending(2, ExecutionStatus.FAILED)])
    await counters.count("ws_test", "crew_1", [ending(2, ExecutionStatus.FAILED), ending(3)])
    await counters.count("ws_test", "crew_1", [ending(1)])
    await counters.count("ws_test", "crew_1", [ending(4, ExecutionStatus.STOPPED, "2026-12")])
    await counters.count("ws_test", "crew_2", [ending(1)])
    await counters.count("ws_other", "crew_1", [ending(1)])
    stats = await counters.of_crew("ws_test", "crew_1")
    november = stats.months["2026-11"]
    assert (november.completed, november.failed, november.tokens) == (2, 1, 30)
    assert (stats.total.executions, stats.total.success_rate) == (4, 0.5)
    assert stats.total.avg_duration == 2.0
    crews = await counters.of_workspace("ws_test")
    assert sorted(crew.crew_id for crew in crews) == ["crew_1", "crew_2"]


async def test_the_indexes_for_lists_become_those_of_today(store_database):
    database = store_database("executor")
    executions = database["executions"]
    for name, keys in {
        "open": ["open", "workspace_id"],
        "lists": ["workspace_id"],
        "workspace": ["workspace_id", "open", "created_at"],
    }.items():
        await executions.create_index([(key, 1) for key in keys], name=name)
    for _ in range(2):
        await migrate(database, SCHEMA, lambda _: None)
        names = set(await executions.index_information())
        assert names & {"open", "lists", "workspace", "care", "list_of_workspace"} == {
            "list_of_workspace"
        }
