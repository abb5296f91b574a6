"""Stories of jobs and workers, over the memory bus and a real store."""

import asyncio
from datetime import timedelta

import pytest

from common.bus import Message, encode
from common.contracts.events import EventType, ExecutionStatus
from common.contracts.messages import JobSubmitted
from common.contracts.topology import DEAD_LETTERS_QUEUE, EVENTS, JOBS
from common.times import utc_now
from executor.domain.events import Draft
from executor.domain.execution import READS
from executor.domain.intake import _new
from executor.store.executions import MongoExecutions


@pytest.fixture
async def executions(mongo_database):
    return MongoExecutions(mongo_database("executor"))


@pytest.fixture
async def bus(backends, settings, telemetry):
    bus = backends.bus(settings, telemetry)
    await bus.start()
    yield bus
    await bus.close()


@pytest.fixture
async def dead_letter(bus):
    found: asyncio.Queue[Message] = asyncio.Queue()
    await bus.consume(DEAD_LETTERS_QUEUE, found.put)
    return found.get


@pytest.fixture
def submit(bus):
    async def send(message: JobSubmitted) -> str:
        await bus.publish(JOBS, message.message_type, encode(message))
        return message.job_id

    return send


@pytest.fixture
def ended(executions, eventually):
    async def wait(job_id: str):
        async def look():
            job = await executions.head(job_id)
            return job if job is not None and job.final and not job.open else None

        return await eventually(look)

    return wait


@pytest.fixture
def log_of(executions):
    async def read(job_id: str):
        return [record.event() for record in await executions.records(job_id, 0, 500)]

    return read


class Gate:
    """Holds a run at a task until it is opened."""

    def __init__(self, at: str) -> None:
        self.at = at
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, task_id: str) -> None:
        if task_id == self.at:
            self.reached.set()
            await self.opened.wait()


def assert_whole(log, ends: EventType) -> None:
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert [event.type for event in log if event.terminal] == [ends]
    assert log[-1].type == ends


async def test_a_submitted_job_runs_to_its_end(
    workers, submit, submission, ended, log_of, bus, make_runner
):
    frames: list[Message] = []

    async def watch(message: Message) -> None:
        frames.append(message)

    watching = await bus.subscribe(EVENTS, watch)
    await watching.bind("#")
    await workers.start(make_runner())
    job = await ended(await submit(submission()))

    assert job.status == ExecutionStatus.COMPLETED
    assert job.state.progress == 100
    assert job.state.result == "all ok"
    assert job.state.usage.input_tokens == 30
    assert [task.status for task in job.state.tasks] == ["completed"] * 3
    log = await log_of(job.job_id)
    assert_whole(log, EventType.EXECUTION_COMPLETE)
    assert len(log) == 11
    assert [frame.message_id for frame in frames] == [f"{job.job_id}:{n}" for n in range(1, 12)]
    assert b"secret" not in b"".join(frame.body for frame in frames)
    assert frames[0].headers["workspace_id"] == "ws_test"
    assert frames[0].headers["crew_id"] == "crew_abc123"


async def test_a_stopped_run_is_cut_off_at_once(
    workers, submit, submission, ended, log_of, make_runner, executor_app, served, make_token
):
    gate = Gate("task_2")
    process, _ = await workers.start(make_runner(gate))
    async with served(executor_app) as api:
        job_id = await submit(submission())
        await gate.reached.wait()
        headers = {"Authorization": f"Bearer {make_token()}"}
        async with api.http.post(f"/executions/{job_id}/stop", headers=headers) as answer:
            assert (answer.status, await answer.json()) == (
                200,
                {"job_id": job_id, "status": "stopped"},
            )
        job = await ended(job_id)
        async with api.http.post(f"/executions/{job_id}/stop", headers=headers) as answer:
            assert answer.status == 200
    assert job.status == ExecutionStatus.STOPPED
    assert process.worker.runs.running() == {}
    assert [task.status for task in job.state.tasks] == ["completed", "stopped", "pending"]
    assert_whole(await log_of(job_id), EventType.EXECUTION_STOPPED)


async def _kill(process) -> None:
    """End a worker as SIGKILL would: nothing is written, nothing is handed back."""
    worker = process.worker
    await process.consumers._jobs.cancel()
    for task in [*worker._tasks, *worker.runs._tasks.values(), worker._settlement._task]:
        task.cancel()
    await asyncio.gather(*worker._tasks, return_exceptions=True)


async def test_a_killed_workers_job_goes_on_in_another_with_no_second_task_start(
    workers, submit, submission, ended, log_of, make_runner
):
    gate = Gate("task_2")
    first, _ = await workers.start(make_runner(gate))
    job_id = await submit(submission())
    await gate.reached.wait()
    await _kill(first)
    await workers.start(make_runner())
    job = await ended(job_id)

    assert job.status == ExecutionStatus.COMPLETED
    assert (job.attempt, job.lost_claims) == (2, 0)  # it has got further since
    log = await log_of(job_id)
    assert_whole(log, EventType.EXECUTION_COMPLETE)
    starts = [event.fields["task_id"] for event in log if event.type == EventType.TASK_START]
    assert starts == ["task_1", "task_2", "task_3"]
    resumed = [event for event in log if event.type == EventType.EXECUTION_RESUMED]
    assert [event.fields["reason"] for event in resumed] == ["worker_lost"]


async def test_a_job_that_kills_its_workers_is_given_up_and_the_one_beside_it_is_not(
    workers, submit, submission, ended, log_of
):
    poison, innocent = submission(), submission()
    killing = asyncio.Event()

    class Deadly:
        async def run(self, job, journal):
            if job.job_id == poison.job_id:
                killing.set()
                await asyncio.Event().wait()
            await asyncio.sleep(0.3)  # it never gets that far beside the other
            journal.append(Draft(EventType.EXECUTION_COMPLETE, {"result": "alive"}))
            await journal.flush()

    async def killer():
        while True:
            process, _ = await workers.start(Deadly())
            await killing.wait()
            await asyncio.sleep(0.05)  # until both are claimed
            await _kill(process)
            killing.clear()

    killing_on = asyncio.create_task(killer())
    for message in (poison, innocent):
        await submit(message)
    given_up, survivor = await ended(poison.job_id), await ended(innocent.job_id)
    killing_on.cancel()
    assert given_up.state.error["code"] == "ATTEMPTS_EXHAUSTED"
    assert given_up.attempt == 5
    assert survivor.state.result == "alive"
    assert_whole(await log_of(poison.job_id), EventType.ERROR)
    assert_whole(await log_of(innocent.job_id), EventType.EXECUTION_COMPLETE)


async def test_a_worker_that_stops_hands_its_jobs_over(
    workers, submit, submission, ended, log_of, make_runner, executions
):
    gate = Gate("task_2")
    _, stop = await workers.start(make_runner(gate))
    job_id = await submit(submission())
    await gate.reached.wait()
    await workers.stopped(stop)
    handed = await executions.head(job_id)
    assert (handed.status, handed.owner) == (ExecutionStatus.RUNNING, None)
    await workers.start(make_runner())
    job = await ended(job_id)

    assert (job.status, job.attempt, job.lost_claims) == (ExecutionStatus.COMPLETED, 2, 0)
    log = await log_of(job_id)
    assert_whole(log, EventType.EXECUTION_COMPLETE)
    assert sum(event.type == EventType.TASK_START for event in log) == 3


async def test_the_same_job_submitted_twice_runs_once(
    workers, submit, submission, ended, make_runner, bus, log_of
):
    runner = make_runner()
    await workers.start(runner)
    await workers.start(runner)
    message = submission()
    for _ in range(5):
        await submit(message)
    job = await ended(message.job_id)
    await submit(message)
    await submit(later := submission())
    await ended(later.job_id)
    assert runner.started.count((message.job_id, 1)) == 1
    assert job.attempt == 1
    assert_whole(await log_of(message.job_id), EventType.EXECUTION_COMPLETE)


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
    workers, submit, submission, ended, log_of, make_runner, peers, make_crew, changes, code, told
):
    peers.crews["crew_new"] = make_crew("crew_new", status="configuring")
    await workers.start(make_runner())
    job = await ended(await submit(submission(**changes)))
    assert job.status == ExecutionStatus.FAILED
    assert job.state.error["code"] == code
    assert told in job.state.error["message"]
    assert_whole(await log_of(job.job_id), EventType.ERROR)


async def test_a_job_waits_for_its_crew_while_crews_is_away(
    workers, submit, submission, ended, make_runner, peers, eventually
):
    peers.away = True
    await workers.start(make_runner())
    job_id = await submit(submission())

    async def asked():
        return peers.asked

    await eventually(asked)
    peers.away = False
    assert (await ended(job_id)).status == ExecutionStatus.COMPLETED


async def test_a_bug_in_a_run_ends_the_job_without_showing_its_trace(
    workers, submit, submission, ended, log_of
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
    workers, submit, submission, ended, log_of
):
    class Verbose:
        attempts = 0

        async def run(self, job, journal):
            Verbose.attempts += 1
            journal.append(Draft(EventType.TASK_START, {"task_id": "task_1"}))
            journal.append(Draft(EventType.LLM_CALL, {"result": "x" * 3_000_000}))
            await journal.flush()

    await workers.start(Verbose())
    job = await ended(await submit(submission()))
    assert job.state.error["code"] == "OUTPUT_TOO_LARGE"
    assert Verbose.attempts == 1
    assert_whole(await log_of(job.job_id), EventType.ERROR)


async def test_a_write_that_the_store_refuses_ends_the_job_and_does_not_go_round_for_ever(
    workers, submit, submission, ended, log_of, make_runner, monkeypatch
):
    runner = make_runner()
    process, _ = await workers.start(runner)
    store = process.worker._executions
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
    assert "cannot be kept" in job.state.error["message"]


async def test_no_more_jobs_than_slots_run_at_once(workers, submit, submission, ended, make_runner):
    most = now = 0

    async def count(task_id: str) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1

    await workers.start(make_runner(count), worker_slots=2)
    jobs = [await submit(submission()) for _ in range(8)]
    for job_id in jobs:
        assert (await ended(job_id)).status == ExecutionStatus.COMPLETED
    assert most == 2


async def test_a_job_whose_message_was_lost_is_found_in_the_store(
    workers, submission, ended, make_runner, executions, make_crew
):
    from common.times import utc_now
    from executor.domain.execution import Execution

    message = submission()
    job = Execution(
        message.job_id,
        message.workspace_id,
        message.crew_id,
        utc_now(),
        inputs=message.inputs,
        snapshot=make_crew(),
    )
    await workers.start(make_runner())
    await executions.insert(job)
    assert (await ended(message.job_id)).status == ExecutionStatus.COMPLETED


async def test_a_person_answers_and_the_job_goes_on(
    workers, submit, submission, ended, log_of, executor_app, served, make_token, eventually
):
    class Asking:
        async def run(self, job, journal):
            answers = [e for e in job.history if e.type == EventType.INPUT_RECEIVED]
            if answers:
                result = {"result": answers[0].fields["input"]}
                journal.append(Draft(EventType.EXECUTION_COMPLETE, result))
            else:
                asked = {"task_id": "task_1", "prompt": "Really?"}
                journal.append(Draft(EventType.INPUT_REQUIRED, asked))
            await journal.flush()

    await workers.start(Asking())
    job_id = await submit(submission())
    headers = {"Authorization": f"Bearer {make_token()}"}
    async with served(executor_app) as api:

        async def waits():
            async with api.http.get(f"/executions/{job_id}", headers=headers) as answer:
                if answer.status != 200:
                    return False
                return (await answer.json())["status"] == "waiting_for_input"

        await eventually(waits)
        body = {"input": "Yes."}
        path = f"/executions/{job_id}/input"
        async with api.http.post(path, headers=headers, json=body) as answer:
            assert answer.status == 200
        job = await ended(job_id)
        async with api.http.post(path, headers=headers, json=body) as answer:
            assert answer.status == 409
    assert job.state.result == "Yes."
    log = await log_of(job_id)
    assert_whole(log, EventType.EXECUTION_COMPLETE)
    assert [e.fields["reason"] for e in log if e.type == EventType.EXECUTION_RESUMED] == [
        "input_received"
    ]


async def test_a_paused_worker_that_comes_back_writes_nothing(
    workers, submit, submission, ended, log_of, make_runner, executions
):
    gate = Gate("task_2")
    paused, _ = await workers.start(make_runner(gate))
    job_id = await submit(submission())
    await gate.reached.wait()
    for task in paused.worker._tasks:
        task.cancel()
    await workers.start(make_runner())
    job = await ended(job_id)
    before = await log_of(job_id)
    (run,) = paused.worker.runs._tasks.values()
    gate.opened.set()
    await run
    assert (job.status, job.attempt) == (ExecutionStatus.COMPLETED, 2)
    assert await log_of(job_id) == before
    assert_whole(before, EventType.EXECUTION_COMPLETE)


async def test_a_worker_notices_that_its_job_was_taken_and_cuts_its_run_off(
    workers, submit, submission, make_runner, executions, eventually
):
    from dataclasses import replace

    from common.times import utc_now
    from executor.domain import moves

    gate = Gate("task_1")
    process, _ = await workers.start(make_runner(gate))
    job_id = await submit(submission())
    await gate.reached.wait()
    job = await executions.find(job_id)
    step = moves.claim(job, "worker_other", utc_now(), lost=True, limit=5)
    assert await executions.apply(replace(step))

    async def cut_off():
        return not process.worker.runs.running()

    assert await eventually(cut_off)
    assert (await executions.head(job_id)).owner == "worker_other"


async def test_a_job_goes_on_when_the_store_was_away(
    workers, submit, submission, ended, make_runner, log_of, executions, monkeypatch, eventually
):
    from common.errors import Unavailable

    gate = Gate("task_2")
    process, _ = await workers.start(make_runner(gate), store_patience=0.3)
    job_id = await submit(submission())
    await gate.reached.wait()
    store = process.worker._executions
    working = store.apply

    async def away(step):
        raise Unavailable("away")

    monkeypatch.setattr(store, "apply", away)
    gate.opened.set()

    async def given_up():
        return not process.worker.runs.running()

    await eventually(given_up)
    monkeypatch.setattr(store, "apply", working)
    job = await ended(job_id)
    assert (job.status, job.attempt, job.lost_claims) == (ExecutionStatus.COMPLETED, 2, 0)
    log = await log_of(job_id)
    assert_whole(log, EventType.EXECUTION_COMPLETE)
    assert sum(event.type == EventType.TASK_START for event in log) == 3


async def test_a_job_that_was_counted_but_not_closed_is_not_counted_twice(
    workers, submit, submission, ended, make_runner, mongo_database, monkeypatch
):
    from common.errors import Unavailable
    from executor.store.counters import MongoCounters

    process, _ = await workers.start(make_runner())
    store = process.worker._executions
    closing, failures = store.close, 0

    async def fail_once(job_ids, **how):
        nonlocal failures
        failures += 1
        if failures == 1:
            raise Unavailable("away")
        await closing(job_ids, **how)

    monkeypatch.setattr(store, "close", fail_once)
    await ended(await submit(submission()))
    stats = await MongoCounters(mongo_database("executor")).of_crew("ws_test", "crew_abc123")
    assert failures >= 2
    assert stats.total.executions == 1


async def test_jobs_run_over_rabbitmq(
    settings, amqp_url, submission, ended, make_runner, backends, telemetry
):
    from executor.wiring import build_worker

    settings = settings.model_copy(update={"amqp_url": amqp_url})
    process = build_worker(settings, backends, runner=make_runner())
    stop = asyncio.Event()
    running = asyncio.create_task(process.run(stop))
    bus = backends.bus(settings, telemetry)
    await bus.start()
    frames: asyncio.Queue[Message] = asyncio.Queue()
    watching = await bus.subscribe(EVENTS, frames.put)
    message = submission()
    await watching.bind(f"*.{message.job_id}.*")
    await bus.publish(JOBS, message.message_type, encode(message))
    assert (await ended(message.job_id)).status == ExecutionStatus.COMPLETED
    seqs = [int((await frames.get()).message_id.split(":")[1]) for _ in range(11)]
    assert seqs == list(range(1, 12))
    stop.set()
    await running
    await bus.close()


async def test_the_real_engine_runs_a_crew_with_the_offline_model(
    settings, peers, make_crew, submission, submit, ended, log_of, backends
):
    from executor.wiring import build_worker

    process = build_worker(settings, backends)
    stop = asyncio.Event()
    running = asyncio.create_task(process.run(stop))
    job = await ended(await submit(submission()))
    stop.set()
    await running
    assert job.status == ExecutionStatus.COMPLETED
    assert [task.status for task in job.state.tasks] == ["completed"] * 3
    log = await log_of(job.job_id)
    assert_whole(log, EventType.EXECUTION_COMPLETE)
    assert sum(event.type == EventType.LLM_CALL for event in log) == 3


@pytest.fixture
def rewritten(mongo_database):
    """Write to a job as a newer version of Kasal would."""

    async def write(job_id: str, **fields) -> None:
        change = {"format": READS + 1, **fields}
        await mongo_database("executor")["executions"].update_one({"_id": job_id}, {"$set": change})

    return write


async def test_a_job_of_a_newer_version_waits_for_a_newer_worker(
    workers, submit, submission, executions, ended, make_runner, rewritten, mongo_database
):
    newer = submission()
    await executions.insert(_new(newer, "", utc_now() - timedelta(minutes=1)))
    await rewritten(newer.job_id)
    before = await mongo_database("executor")["executions"].find_one({"_id": newer.job_id})
    process, _ = await workers.start(make_runner())
    await submit(newer)  # by the bus, and by looking at the store
    await ended(await submit(submission()))
    await process.worker._care()
    after = await mongo_database("executor")["executions"].find_one({"_id": newer.job_id})
    assert after == before
    await rewritten(newer.job_id, format=READS)  # to a newer worker it is as any other
    assert (await ended(newer.job_id)).status == ExecutionStatus.COMPLETED


async def test_a_run_ends_when_a_newer_version_has_taken_its_job(
    workers, submit, submission, eventually, make_runner, rewritten, mongo_database
):
    gate = Gate("task_2")
    process, _ = await workers.start(make_runner(gate))
    job_id = await submit(submission())
    await gate.reached.wait()
    await rewritten(job_id, owner="worker_new", attempt=2, seq=9)
    held = mongo_database("executor")["executions"]
    before = await held.find_one({"_id": job_id})

    async def gone():
        return not process.worker.runs.held()

    await eventually(gone)
    gate.opened.set()
    assert await held.find_one({"_id": job_id}) == before
