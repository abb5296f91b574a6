"""Jobs that messages bring."""

import asyncio

import pytest

from common.contracts.messages import JobSubmitted, StoredJob
from common.times import utc_now
from executor.domain.log.execution import Execution
from executor.domain.worker.intake import ForeignJob


def announced(job: Execution, **changes) -> JobSubmitted:
    stored = StoredJob(ticket=job.ticket, created_at=job.created_at, snapshot=job.snapshot)
    facts = {"job_id": job.job_id, "workspace_id": job.workspace_id, "crew_id": job.crew_id}
    return JobSubmitted(**{**facts, "stored": stored, **changes})


@pytest.fixture
async def told_job(store, make_crew):
    crew = make_crew()
    job = Execution("job_1", "ws_1", "crew_1", utc_now(), snapshot=crew, ticket="ticket_1")
    await store.insert(job)
    return job


async def test_a_job_is_claimed_by_its_ticket_without_being_read(
    store, make_worker, told_job, until
):
    worker = make_worker("worker_1")
    store.find = None
    await worker.take(announced(told_job), "")
    await until(lambda: store.jobs["job_1"].seq > 1)
    assert (store.jobs["job_1"].owner, store.jobs["job_1"].attempt) == ("worker_1", 1)


async def test_a_ticket_that_does_not_fit_has_the_job_read(store, make_worker, told_job, until):
    forged = StoredJob(
        ticket="another one",
        created_at=told_job.created_at,
        snapshot=told_job.snapshot.model_copy(update={"name": "Forged"}),
    )
    worker = make_worker("worker_1")
    await worker.take(announced(told_job, stored=forged, inputs={"forged": True}), "")
    await until(lambda: store.jobs["job_1"].seq > 1)
    job = store.jobs["job_1"]
    assert (job.snapshot.name, dict(job.inputs)) == (told_job.snapshot.name, {})
    with pytest.raises(ForeignJob):
        await worker.take(announced(told_job, workspace_id="ws_2", stored=forged), "")


async def test_a_told_job_that_comes_again_runs_once(store, make_worker, told_job, until):
    first, second = make_worker("worker_1"), make_worker("worker_2")
    await asyncio.gather(*(w.take(announced(told_job), "") for w in (first, second, first)))
    await until(lambda: store.jobs["job_1"].seq > 1)
    assert store.jobs["job_1"].attempt == 1
