"""Lists read on by cursors: no job twice, none left out, whatever is added and however times are spread."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.contracts.events import ExecutionStatus
from devkit.stores.executions import MemoryCounters, MemoryExecutions
from executor.domain.api.reading import Reading
from executor.domain.log.execution import Execution
from executor.store.counters import MongoCounters
from executor.store.executions import MongoExecutions
from executor.store.lists import MongoExecutionLists
from executor.store.migrations import indexes

NOW = datetime(2026, 11, 27, tzinfo=UTC)
STATUSES = [ExecutionStatus.QUEUED, ExecutionStatus.FAILED]
AGES = st.sampled_from([0, 1, 1, 2, 250, 1_000, 60_000, 3_600_000, 86_400_000, 40_000_000_000])
JOBS = st.lists(
    st.tuples(AGES, st.sampled_from(["crew_1", "crew_2"]), st.sampled_from(STATUSES)), max_size=25
)
FILTERS = st.tuples(st.sampled_from([None, "crew_1", "crew_3"]), st.sampled_from([None, *STATUSES]))


@pytest.fixture
def stores(in_memory, store_settings, backends):
    """What runs a coroutine over stores that are empty."""
    with asyncio.Runner() as runner:
        if in_memory:

            def fresh():
                jobs = MemoryExecutions()
                return runner.run, jobs, Reading(jobs, jobs, MemoryCounters())

            yield fresh
            return
        opened = backends.database(store_settings, "executor")
        held = opened.database
        runner.run(indexes(held))

        def emptied():
            runner.run(held["executions"].delete_many({}))
            jobs = MongoExecutions(held)
            return runner.run, jobs, Reading(jobs, MongoExecutionLists(held), MongoCounters(held))

        yield emptied
        runner.run(opened.close())


def newest_first(jobs, crew_id, status):
    """Return the ids of the jobs that a list with these filters shows, in its order."""
    return [
        job.job_id
        for job in sorted(jobs, key=lambda job: (job.created_at, job.job_id), reverse=True)
        if crew_id in {None, job.crew_id} and status in {None, job.status}
    ]


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(JOBS, FILTERS, st.integers(1, 7), st.lists(AGES, max_size=5))
def test_a_list_is_read_through_while_jobs_are_added(stores, jobs, filters, size, added):
    run, executions, reading = stores()
    crew_id, status = filters
    later = iter(added)

    async def add(n, age, crew, shows, first=NOW):
        made = first - timedelta(milliseconds=age)
        job = Execution(f"job_{n:03}", "ws_1", crew, made, shows)
        await executions.insert(job)
        return job

    async def read_through():
        there = [await add(n, *one) for n, one in enumerate(jobs)]
        await executions.insert(Execution("job_x", "ws_2", "crew_1", NOW, STATUSES[0]))
        wanted = newest_first(there, crew_id, status)
        shown, after = [], None
        while True:
            page = await reading.page(
                "ws_1", crew_id=crew_id, status=status, limit=size, after=after
            )
            shown += [job.job_id for job in page.jobs]
            assert len(page.jobs) == size or page.next is None
            if (age := next(later, None)) is not None:  # newer than all that were there
                await add(100 + len(shown), -age - 1, "crew_1", STATUSES[0])
            if (after := page.next) is None:
                return wanted, shown

    wanted, shown = run(read_through())
    assert shown == wanted

    async def pages():
        found = []
        for skip in range(0, len(wanted) + len(added), size):
            page = await reading.page("ws_1", crew_id=crew_id, status=status, skip=skip, limit=size)
            found += [job.job_id for job in page.jobs]
        return [job_id for job_id in found if job_id in wanted]

    assert run(pages()) == wanted
