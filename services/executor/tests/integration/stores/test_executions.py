"""Jobs and their logs in both forms of the store."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from common.contracts.events import (
    ExecutionComplete,
    ExecutionStatus,
    InputRequired,
    LlmCall,
    ModelUsage,
    TaskComplete,
    ToolResult,
)
from common.idempotency.once import Receipt
from common.ids import new_id
from common.times import utc_now
from executor.domain.log import moves
from executor.domain.log.events import CallKept, EventDraft
from executor.domain.log.execution import Execution
from executor.domain.log.journal import TooLarge
from executor.domain.log.questions import Answer, question_of
from executor.domain.log.records import number
from executor.store.executions import MongoExecutions


def large() -> EventDraft:
    return EventDraft(ToolResult(task_id="task_1", result="x" * 7_000_000))


def receipt(key: str) -> Receipt:
    return Receipt(key, "body", b'{"job_id": "job_1"}', utc_now() + timedelta(hours=24))


async def test_a_job_is_read_back_as_it_was_stored(executions, new_job):
    job = await new_job()
    assert await executions.find(job.job_id) == job
    assert not await executions.insert(replace(job, workspace_id="ws_other"))
    assert (await executions.find(job.job_id)).workspace_id == "ws_test"
    assert await executions.find("job_none") is None


async def test_a_job_that_is_too_large_is_refused_and_those_beside_it_are_not(database, new_job):
    if database is None:
        return  # memory has no such bound
    executions = MongoExecutions(database)
    jobs = [Execution(f"job_{n}", "ws_1", "crew_1", utc_now()) for n in range(4)]
    jobs[1] = replace(jobs[1], inputs={"text": "x" * 17_000_000})
    jobs[3] = replace(jobs[3], job_id="job_0")
    first = asyncio.create_task(executions.insert(Execution("job_9", "ws_1", "c", utc_now())))
    await asyncio.sleep(0)  # so that the others go as one
    answers = await asyncio.gather(*map(executions.insert, jobs), return_exceptions=True)
    assert (await first, answers[0], answers[2], answers[3]) == (True, True, True, False)
    assert isinstance(answers[1], TooLarge)


async def test_a_step_that_makes_a_job_too_large_is_refused(database, new_job, claimed):
    if database is None:
        return
    executions = MongoExecutions(database)
    job = await claimed(await new_job())
    for _ in range(3):
        records = number([large()], job.job_id, job.seq, job.attempt, utc_now())
        step = moves.append(job, records, copied=0, published=0)
        if job.seq < 3:
            assert await executions.apply(step)
            job = step.after
    with pytest.raises(TooLarge):
        await executions.apply(step)
    assert (await executions.find(job.job_id)) == job
    assert await executions.apply(moves.stop(job, utc_now()))


async def test_a_head_leaves_out_what_is_large(executions, new_job):
    job = await new_job()
    head = await executions.head(job.job_id)
    assert head == replace(job, inputs={}, snapshot=None, requested_by="")


async def test_steps_are_read_back_as_the_writer_has_them(
    start, executions, new_job, claimed, append
):
    job = await claimed(await new_job())
    job = await append(job, start(), start("task_2"))
    done = TaskComplete(task_id="task_1", agent="Ann", result={"a.b": ["\x00", 2**60]})
    job = await append(job, EventDraft(done), copied=2)
    job = await append(job, EventDraft(LlmCall(task_id="task_1", usage=ModelUsage(input_tokens=3))))
    job = await append(job, EventDraft(ExecutionComplete(result="done")))
    assert await executions.find(job.job_id) == job
    assert job.state.tasks[0].output == {"a.b": ["\x00", 2**60]}


@pytest.mark.parametrize(
    "stale", [{"attempt": 2}, {"owner": "worker_2"}, {"seq": 7}, {"status": ExecutionStatus.QUEUED}]
)
async def test_a_stale_writer_writes_nothing(start, executions, new_job, claimed, stale):
    job = await claimed(await new_job())
    before = replace(job, **stale)
    records = number([start()], job.job_id, before.seq, before.attempt, utc_now())
    step = moves.append(job, records, copied=0, published=0)
    assert not await executions.apply(replace(step, before=before))
    assert await executions.find(job.job_id) == job


async def test_events_are_read_from_traces_and_tail_alike(
    start, executions, new_job, claimed, append
):
    job = await claimed(await new_job())
    for n in range(5):
        job = await append(job, start(f"task_{n}"))
    await executions.copy({job.job_id: job.tail[:4]})
    await executions.copy({job.job_id: job.tail[:3]})
    job = await append(job, start("task_9"), copied=4)
    assert [record.seq for record in job.tail] == [5, 6, 7]
    everything = await executions.records(job.job_id, 0, 100)
    assert [record.seq for record in everything] == [1, 2, 3, 4, 5, 6, 7]
    assert everything[1].entry().private == CallKept(call=1, scope="", turn=0, entry=0)
    assert [r.seq for r in await executions.records(job.job_id, 2, 3)] == [3, 4, 5]
    assert [r.seq for r in await executions.records(job.job_id, 5, 500)] == [6, 7]
    assert await executions.records(job.job_id, 7, 10) == []
    assert await executions.records("job_none", 0, 10) == []
    copied = await executions.traced_records(job.job_id, 0, 7, 2**20)
    assert [r.seq for r in copied] == [1, 2, 3, 4]
    assert [r.private for r in copied] == [None] * 4, "readers are not shown it; it may be large"
    assert [r.seq for r in await executions.traced_records(job.job_id, 2, 3, 2**20)] == [3]
    two = sum(len(record.frame) for record in copied[:2])
    for most_bytes, wanted in [(two, [1, 2]), (two - 1, [1]), (0, [1])]:
        cut = await executions.traced_records(job.job_id, 0, 7, most_bytes)
        assert [r.seq for r in cut] == wanted
    whole = await executions.whole_records(job.job_id, 0, 7, 2**20)
    assert [r.private for r in whole] == [record.private for record in everything[:4]]
    cut = await executions.whole_records(job.job_id, 0, 7, sum(r.size for r in whole[:2]))
    assert [r.seq for r in cut] == [1, 2]


async def test_who_may_claim_what(executions, new_job, claimed):
    queued = await new_job()
    later = await new_job(created_at=utc_now() + timedelta(hours=1))
    owned, lost = await claimed(await new_job()), await claimed(await new_job(), "worker_dead")
    handed = await claimed(await new_job())
    assert await executions.apply(moves.hand_back(handed, published=0))
    assert await executions.oldest_queued_jobs(utc_now(), 10) == [queued.job_id]
    assert await executions.oldest_queued_jobs(later.created_at, 10) == [
        queued.job_id,
        later.job_id,
    ]
    assert await executions.oldest_queued_jobs(later.created_at, 1) == [queued.job_id]
    found = await executions.orphans(["worker_dead"], 10)
    assert {job.job_id for job in found} == {lost.job_id, handed.job_id}
    assert await executions.orphans(["worker_dead"], 10, [lost.workspace_id]) == []
    assert len(await executions.orphans(["worker_dead"], 10, ["ws_other"])) == 2
    assert await executions.running_jobs_of("worker_1") == {owned.job_id}
    assert dict(await executions.count_live()) == {
        "queued": 2,
        "running": 3,
        "waiting_for_input": 0,
    }


async def test_an_ended_job_is_open_until_it_is_closed(executions, lists, new_job, claimed, append):
    job = await append(await claimed(await new_job()), EventDraft(ExecutionComplete(result=1)))
    stopped = await new_job()
    assert await executions.apply(moves.stop(stopped, utc_now()))
    assert [j.job_id for j in await executions.unsettled_jobs([], 10)] == [stopped.job_id]
    found = await executions.unsettled_jobs(["worker_1"], 10)
    assert {j.job_id for j in found} == {job.job_id, stopped.job_id}
    running = await claimed(await new_job())
    await executions.copy({job.job_id: job.tail, stopped.job_id: ()})
    await executions.close([job.job_id, running.job_id])
    closed = await executions.find(job.job_id)
    assert (closed.open, closed.tail) == (False, ())
    assert (await executions.find(running.job_id)).open
    await executions.close([stopped.job_id], keep_tails=True)
    kept = await executions.find(stopped.job_id)
    assert (kept.open, [record.seq for record in kept.tail]) == (False, [1])
    assert [r.seq for r in await executions.records(stopped.job_id, 0, 9)] == [1]
    assert [r.seq for r in await executions.records(job.job_id, 0, 9)] == [1, 2]
    open_jobs = set(await lists.open_jobs("ws_test", crew_id=None, status=None, limit=9))
    assert open_jobs == {running.job_id}


async def test_a_waiting_jobs_tail_is_flushed_only_if_it_has_not_moved(
    executions, new_job, claimed, append
):
    asked = EventDraft(InputRequired(task_id="task_1", prompt="?"))
    job = await append(await claimed(await new_job()), asked)
    assert (job.status, job.owner) == (ExecutionStatus.WAITING_FOR_INPUT, None)
    (waiting,) = await executions.waiting_jobs(10)
    assert waiting.job_id == job.job_id
    question = question_of(waiting.tail[-1].entry())
    answer = moves.answer(waiting, question, Answer("approved"), "usr_1", utc_now())
    assert await executions.apply(answer)
    await executions.copy({job.job_id: waiting.tail})
    await executions.clear_tail(waiting)
    assert len((await executions.find(job.job_id)).tail) == 3
    await executions.clear_tail(answer.after)
    found = await executions.find(job.job_id)
    assert (found.tail, found.published) == ((), 3)


async def test_steps_of_many_jobs_at_once_are_each_told_their_own(
    start, executions, new_job, claimed
):
    jobs = [await claimed(await new_job()) for _ in range(6)]
    moved = jobs[2]
    assert await executions.apply(moves.stop(moved, utc_now()))
    steps = [
        moves.append(
            job,
            number([start()], job.job_id, job.seq, job.attempt, utc_now()),
            copied=0,
            published=0,
        )
        for job in jobs
    ]
    told = await asyncio.gather(*(executions.apply(step) for step in steps))
    assert told == [True, True, False, True, True, True]
    for job, step in zip(jobs, steps, strict=True):
        found = await executions.find(job.job_id)
        assert (found == step.after) == (job is not moved)


async def test_two_stops_at_once_are_one(executions, new_job, claimed):
    jobs = [await claimed(await new_job()) for _ in range(3)]
    steps = [moves.stop(job, utc_now(), reason) for job in jobs for reason in ("one", "two")]
    told = await asyncio.gather(*(executions.apply(step) for step in steps))
    assert [sum(pair) for pair in zip(told[::2], told[1::2], strict=True)] == [1, 1, 1]
    for job in jobs:
        assert [r.seq for r in await executions.records(job.job_id, 0, 9)] == [1, 2]


async def test_jobs_inserted_at_once_are_each_told_their_own(executions, new_job):
    known = await new_job()
    fresh = [replace(known, job_id=new_id("job")) for _ in range(3)]
    told = await asyncio.gather(*(executions.insert(job) for job in [*fresh, known, fresh[0]]))
    assert told == [True, True, True, False, False]
    found = await asyncio.gather(*(executions.find(job.job_id) for job in [known, *fresh]))
    assert list(found) == [known, *fresh]
    assert await asyncio.gather(executions.find("job_none"), executions.find(known.job_id)) == [
        None,
        known,
    ]


async def test_a_job_told_of_is_claimed_by_its_ticket_alone(executions, new_job):
    job = await new_job(ticket="the ticket of job 1")
    assert (await executions.find(job.job_id)).ticket == ""
    forged = moves.claim(replace(job, ticket="another"), "worker_1", utc_now(), lost=False, limit=5)
    assert not await executions.apply(forged)
    assert await executions.apply(moves.claim(job, "worker_1", utc_now(), lost=False, limit=5))
    assert (await executions.head(job.job_id)).owner == "worker_1"


async def test_of_jobs_with_one_key_one_is_stored(executions, new_job):
    known = await new_job()
    jobs = [replace(known, job_id=new_id("job")) for _ in range(6)]
    told = await asyncio.gather(*(executions.insert(job, receipt("k1")) for job in jobs))
    assert told.count(True) == 1
    assert not await executions.insert(replace(known, job_id=new_id("job")), receipt("k1"))
    stored = [job for job in jobs if await executions.find(job.job_id)]
    assert stored == [jobs[told.index(True)]]
    assert await executions.insert(replace(known, job_id=new_id("job")), receipt("k2"))


async def test_a_jobs_receipt_outlives_its_run(executions, new_job, claimed, append):
    kept = receipt("k1")
    job = replace(await new_job(), job_id=new_id("job"))
    assert await executions.insert(job, kept)
    job = await append(await claimed(job), EventDraft(ExecutionComplete(result="done")))
    await executions.close([job.job_id])
    assert await executions.receipt("k1", utc_now()) == kept
    assert await executions.receipt("k1", kept.until) is None
    assert await executions.insert(replace(job, job_id=new_id("job")), receipt("k1"))
    assert (await executions.find(job.job_id)).status is ExecutionStatus.COMPLETED
