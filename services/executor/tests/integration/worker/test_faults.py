"""Stories of jobs that are refused, or that fail with an event."""

import pytest

from common.bus import Message
from common.contracts.events import EventType, ExecutionStatus, LlmCall, TaskStart
from common.contracts.messages import JobSubmitted
from common.contracts.topology import JOBS
from executor.domain.log.events import EventDraft


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JobSubmitted.message_type, b"{not json"),
        (JobSubmitted.message_type, b'{"job_id": "no"}'),
        ("job.unknown.v9", b"{}"),
    ],
)
async def test_what_cannot_be_read_is_a_dead_letter(
    workers, bus, make_runner, dead_letter, kind, body
):
    await workers.start(make_runner())
    await bus.publish(JOBS, JobSubmitted.message_type, Message(type=kind, body=body))
    assert (await dead_letter()).body == body


async def test_a_job_id_of_another_workspace_is_a_dead_letter(
    workers, submit, submission, ended, make_runner, dead_letter
):
    await workers.start(make_runner())
    message = submission()
    await submit(message)
    job = await ended(message.job_id)
    await submit(message.model_copy(update={"workspace_id": "ws_other"}))
    assert b"ws_other" in (await dead_letter()).body
    assert job.workspace_id == "ws_test"


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"crew_id": "crew_none"}, "NOT_FOUND", "No such crew"),
        ({"inputs": {}}, "VALIDATION_ERROR", "topic"),
        ({"crew_id": "crew_new"}, "VALIDATION_ERROR", "not active"),
    ],
)
async def test_a_job_that_cannot_run_fails_with_an_event(
    assert_whole,
    workers,
    submit,
    submission,
    ended,
    log_of,
    make_runner,
    peers,
    make_crew,
    changes,
    code,
    told,
):
    peers.crews["crew_new"] = make_crew("crew_new", status="configuring")
    await workers.start(make_runner())
    job = await ended(await submit(submission(**changes)))
    assert job.status == ExecutionStatus.FAILED
    assert job.state.error["code"] == code
    assert told in job.state.error["message"]
    assert_whole(await log_of(job.job_id), EventType.ERROR)


async def test_a_bug_in_a_run_ends_the_job_without_showing_its_trace(
    assert_whole, workers, submit, submission, ended, log_of
):
    class Broken:
        async def run(self, job, journal):
            raise ZeroDivisionError("a secret")

    await workers.start(Broken())
    job = await ended(await submit(submission()))
    assert job.state.error == {
        "code": "INTERNAL_ERROR",
        "message": "The run failed with an internal error.",
    }
    assert_whole(await log_of(job.job_id), EventType.ERROR)


async def test_a_run_that_makes_too_much_ends_the_job_once(
    assert_whole, workers, submit, submission, ended, log_of
):
    class Verbose:
        attempts = 0

        async def run(self, job, journal):
            Verbose.attempts += 1
            journal.append(EventDraft(TaskStart(task_id="task_1")))
            journal.append(EventDraft(LlmCall(task_id="task_1", result="x" * 3_000_000)))
            await journal.flush()

    await workers.start(Verbose())
    job = await ended(await submit(submission()))
    assert job.state.error["code"] == "OUTPUT_TOO_LARGE"
    assert Verbose.attempts == 1
    assert_whole(await log_of(job.job_id), EventType.ERROR)


async def test_a_write_that_the_store_refuses_ends_the_job_and_does_not_go_round_for_ever(
    assert_whole, workers, submit, submission, ended, log_of, make_runner, monkeypatch
):
    runner = make_runner()
    process, _ = await workers.start(runner)
    store = process.worker.own_jobs._executions
    apply = store.apply

    async def picky(step):
        if any(record.type == EventType.TASK_COMPLETE for record in step.records):
            raise ValueError("no document of this kind")
        return await apply(step)

    monkeypatch.setattr(store, "apply", picky)
    job = await ended(await submit(submission()))
    assert job.state.error["code"] == "INTERNAL_ERROR"
    assert runner.started == [(job.job_id, 1)]
    assert_whole(await log_of(job.job_id), EventType.ERROR)


async def test_a_crew_too_large_to_be_kept_with_its_job_fails_it(
    workers, submit, submission, ended, peers, make_crew, make_runner
):
    crew = make_crew("crew_large")
    peers.crews["crew_large"] = crew.model_copy(update={"description": "x" * 17_000_000})
    await workers.start(make_runner())
    job = await ended(await submit(submission(crew_id="crew_large")))
    assert job.state.error["code"] == "VALIDATION_ERROR"
    assert "cannot be stored" in job.state.error["message"]
