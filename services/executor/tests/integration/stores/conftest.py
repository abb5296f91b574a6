"""Each store in memory, and over each kind of database."""

from collections.abc import Callable

import pytest

from common.contracts.events import ToolCall
from common.ids import new_id
from common.times import utc_now
from devkit.stores.budgets import MemoryBudgets
from devkit.stores.executions import MemoryCounters, MemoryExecutions, MemoryLeases
from executor.domain.log import moves
from executor.domain.log.events import CallKept, EventDraft
from executor.domain.log.execution import Execution
from executor.domain.log.records import number
from executor.store.budgets import MongoBudgets
from executor.store.counters import MongoCounters
from executor.store.executions import MongoExecutions
from executor.store.lists import MongoExecutionLists
from executor.store.migrations import indexes
from executor.store.workers import MongoLeases


@pytest.fixture
async def database(in_memory, store_database):
    if in_memory:
        return None
    database = store_database("executor")
    await indexes(database)
    return database


@pytest.fixture
def executions(database):
    return MemoryExecutions() if database is None else MongoExecutions(database)


@pytest.fixture
def lists(database, executions):
    return executions if database is None else MongoExecutionLists(database)


@pytest.fixture
def counters(database):
    return MemoryCounters() if database is None else MongoCounters(database)


@pytest.fixture
def budgets(database):
    return MemoryBudgets() if database is None else MongoBudgets(database)


@pytest.fixture
def leases(database):
    return MemoryLeases() if database is None else MongoLeases(database)


@pytest.fixture
def new_job(executions, make_crew):
    async def make(**changes) -> Execution:
        fields = {
            "job_id": new_id("job"),
            "workspace_id": "ws_test",
            "crew_id": "crew_abc123",
            "created_at": utc_now(),
            "inputs": {"topic": "bees", "$odd.key": [1, None, {"a.b": "\x00"}]},
            "snapshot": make_crew(),
            "requested_by": "usr_1",
            "traceparent": "00-1-2-01",
        }
        job = Execution(**{**fields, **changes})
        assert await executions.insert(job)
        return job

    return make


@pytest.fixture
def claimed(executions):
    async def take(job: Execution, owner: str = "worker_1") -> Execution:
        step = moves.claim(job, owner, utc_now(), lost=job.owner is not None, limit=5)
        assert await executions.apply(step)
        return step.after

    return take


@pytest.fixture
def append(executions):
    async def write(job: Execution, *drafts: EventDraft, copied: int = 0) -> Execution:
        records = number(drafts, job.job_id, job.seq, job.attempt, utc_now())
        step = moves.append(job, records, copied=copied, published=job.seq)
        assert await executions.apply(step)
        return step.after

    return write


@pytest.fixture
def start() -> Callable[..., EventDraft]:
    """Make the first event of a task."""

    def draft(task: str = "task_1") -> EventDraft:
        return EventDraft(
            ToolCall(task_id=task, agent="Ann"), CallKept(call=1, scope="", turn=0, entry=0)
        )

    return draft
