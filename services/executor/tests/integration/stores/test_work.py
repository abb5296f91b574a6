"""No list of executions reads more of a workspace the more jobs have ended in it.

Covers: executor.store.queues
"""

from datetime import UTC, datetime, timedelta

import pytest

from common.contracts.events import ExecutionStatus
from common.storage.cursors import cursor
from executor.domain.api.reading import Reading
from executor.domain.log.execution import Execution
from executor.store.counters import MongoCounters
from executor.store.documents import new_document
from executor.store.executions import MongoExecutions
from executor.store.lists import MongoExecutionLists
from executor.store.migrations import indexes

NOW = datetime(2026, 11, 27, tzinfo=UTC)
SIZES = (300, 3_000)
RARE = 3
"""So many jobs have failed, and so many are of a crew of their own; all of them are the oldest."""


async def fill(database, size):
    rows = []
    for n in range(size):
        status = ExecutionStatus.FAILED if n < RARE else ExecutionStatus.COMPLETED
        crew = "crew_rare" if n < RARE else "crew_1"
        made = NOW - timedelta(seconds=size - n)
        document = new_document(Execution(f"job_{size}_{n:05}", f"ws_{size}", crew, made, status))
        del document["open"]
        rows.append(document)
    for first in range(0, size, 500):
        await database["executions"].insert_many(rows[first : first + 500])


@pytest.fixture
async def reading(store_database):
    database = store_database("executor")
    await indexes(database)
    for size in SIZES:
        await fill(database, size)
    return Reading(
        MongoExecutions(database), MongoExecutionLists(database), MongoCounters(database)
    )


async def test_no_list_reads_more_the_more_jobs_have_ended(reading, work):
    for crew_id in (None, "crew_1", "crew_rare"):
        for status in (None, ExecutionStatus.FAILED, ExecutionStatus.COMPLETED):
            reads = []
            for size in SIZES:
                scope = ("executions", f"ws_{size}", crew_id, status)
                after = cursor((NOW, "z"), scope)
                read_by = work.read_by()
                page = await reading.page(
                    f"ws_{size}", crew_id=crew_id, status=status, limit=20, after=after
                )
                reads.append(read_by())
                rare = crew_id == "crew_rare" or status is ExecutionStatus.FAILED
                none = (crew_id, status) in {
                    ("crew_1", ExecutionStatus.FAILED),
                    ("crew_rare", ExecutionStatus.COMPLETED),
                }
                assert len(page.jobs) == (0 if none else RARE if rare else 20)
            assert not reads[1].grown_from(reads[0]), (crew_id, status, reads)
