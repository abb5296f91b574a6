"""Jobs that newer code has written, in both forms of the store."""

from dataclasses import replace

import pytest

from common.contracts.events import ExecutionStatus, InputRequired
from common.storage.formats import NewerFormat
from common.times import utc_now
from devkit.databases import NOT_IN_MEMORY
from executor.domain.log import execution, moves
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import READS, Execution
from executor.domain.log.records import number


@pytest.fixture
def newer(executions, database, new_job, claimed, append):
    """Make a job of the given status, and have a newer version of Kasal write to it."""

    async def make(status: ExecutionStatus, owner: str | None = None) -> str:
        job = await new_job()
        if status != ExecutionStatus.QUEUED:
            job = await claimed(job)
        if status == ExecutionStatus.WAITING_FOR_INPUT:
            job = await append(job, EventDraft(InputRequired(prompt="?")))
        elif status == ExecutionStatus.STOPPED:
            assert await executions.apply(moves.stop(job, utc_now()))
        if database is None:
            held = executions.jobs[job.job_id]
            executions.jobs[job.job_id] = replace(held, format=READS + 1, owner=owner)
        else:
            change = {"$set": {"format": READS + 1, "owner": owner}}
            await database["executions"].update_one({"_id": job.job_id}, change)
        return job.job_id

    return make


async def append_question(executions, job: Execution) -> Execution:
    asked = number(
        [EventDraft(InputRequired(prompt="?"))],
        job.job_id,
        job.seq,
        job.attempt,
        utc_now(),
    )
    step = moves.append(job, asked, copied=0, published=0)
    assert await executions.apply(step)
    return step.after


async def test_a_job_of_a_newer_version_is_refused_to_who_asks_for_it(executions, lists, newer):
    job_id = await newer(ExecutionStatus.RUNNING, "worker_new")
    open_jobs = await lists.open_jobs("ws_test", crew_id=None, status=None, limit=9)
    page = lists.page("ws_test", open_jobs, crew_id=None, status=None, skip=0, limit=5)
    asking = [executions.find(job_id), executions.head(job_id), executions.records(job_id, 0, 5)]
    for asked in (*asking, page):
        with pytest.raises(NewerFormat, match=f"{job_id} was written by a newer version"):
            await asked


async def test_a_job_of_a_newer_version_is_nobodys_work_here(
    executions, lists, new_job, claimed, newer
):
    for status in ExecutionStatus:
        if status in {ExecutionStatus.COMPLETED, ExecutionStatus.FAILED}:
            continue
        for _ in range(3):
            await newer(status)
    alive = await newer(ExecutionStatus.RUNNING, "worker_1")
    queued = await new_job()
    lost = await claimed(await new_job(), "worker_dead")
    waiting = await append_question(executions, await claimed(await new_job()))
    stopped = await new_job()
    assert await executions.apply(moves.stop(stopped, utc_now()))

    # One of ours behind three of theirs is found, however few are asked for.
    assert await executions.oldest_queued_jobs(utc_now(), 1) == [queued.job_id]
    found = [
        *await executions.orphans(["worker_dead"], 1),
        *await executions.waiting_jobs(1),
        *await executions.unsettled_jobs([], 1),
    ]
    assert [job.job_id for job in found] == [lost.job_id, waiting.job_id, stopped.job_id]
    # What every version understands is told of every job.
    assert await executions.running_jobs_of("worker_1") == {alive}
    assert dict(await executions.count_live()) == {
        "queued": 4,
        "running": 5,
        "waiting_for_input": 4,
    }
    assert dict(await lists.heads([alive])) == {alive: ("running", 1)}


@NOT_IN_MEMORY
async def test_a_job_from_before_formats_is_of_the_first(executions, database, new_job, claimed):
    job = await new_job()
    await database["executions"].update_one({"_id": job.job_id}, {"$unset": {"format": 1}})
    found = await executions.find(job.job_id)
    assert (found.format, found) == (1, job)
    assert (await claimed(found)).attempt == 1


async def test_a_step_of_newer_code_marks_the_job(executions, monkeypatch, new_job, claimed):
    job = await claimed(await new_job())
    monkeypatch.setattr(execution, "WRITES", READS + 1)
    assert await executions.apply(moves.stop(job, utc_now()))
    with pytest.raises(NewerFormat):
        await executions.head(job.job_id)
