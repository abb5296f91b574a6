"""Stories of jobs that come to their end, over the memory bus and a real store.

Covers: common.process.turns, executor.messaging.consumers, executor.messaging.queues, executor.process.health
"""

import asyncio

from common.bus import Message, encode
from common.contracts.events import EventType, ExecutionComplete, ExecutionStatus, InputRequired
from common.contracts.topology import EVENTS, JOBS
from common.times import utc_now
from executor.domain.log.events import EventDraft


async def test_a_submitted_job_runs_to_its_end(
    assert_whole, workers, submit, submission, ended, log_of, bus, make_runner
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
    make_gate,
    assert_whole,
    workers,
    submit,
    submission,
    ended,
    log_of,
    make_runner,
    executor_app,
    served,
    make_token,
):
    gate = make_gate("task_2")
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


async def test_the_same_job_submitted_twice_runs_once(
    assert_whole, workers, submit, submission, ended, make_runner, bus, log_of
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
    from executor.domain.log.execution import Execution

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


class Asking:
    """A run that asks a question and ends with the answer."""

    async def run(self, job, journal):
        answers = [e for e in job.history if e.type == EventType.INPUT_RECEIVED]
        if answers:
            journal.append(EventDraft(ExecutionComplete(result=answers[0].body.input)))
        else:
            asked = InputRequired(task_id="task_1", prompt="Really?")
            journal.append(EventDraft(asked))
        await journal.flush()


async def test_a_person_answers_and_the_job_goes_on(
    assert_whole,
    workers,
    submit,
    submission,
    ended,
    log_of,
    executor_app,
    served,
    make_token,
    eventually,
):
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
        body, path = {"input": "Yes."}, f"/executions/{job_id}/input"
        async with api.http.post(path, headers=headers, json=body) as answer:
            assert answer.status == 200
        job = await ended(job_id)
        async with api.http.post(path, headers=headers, json=body) as answer:
            assert answer.status == 200, "the same answer again"
        async with api.http.post(path, headers=headers, json={"input": "No."}) as answer:
            assert answer.status == 409
            first = (await answer.json())["error"]["details"]["answer"]
            assert (first["outcome"], first["input"]) == ("answered", "Yes.")
    assert job.state.result == "Yes."
    log = await log_of(job_id)
    assert_whole(log, EventType.EXECUTION_COMPLETE)
    resumed = [e.body.reason for e in log if e.type == EventType.EXECUTION_RESUMED]
    assert resumed == ["input_received"]


async def test_a_job_that_was_counted_but_not_closed_is_not_counted_twice(
    workers, submit, submission, ended, make_runner, store_database, monkeypatch
):
    from common.errors import Unavailable
    from executor.store.counters import MongoCounters

    process, _ = await workers.start(make_runner())
    store = process.worker.own_jobs._executions
    closing, failures = store.close, 0

    async def fail_once(job_ids, **how):
        nonlocal failures
        failures += 1
        if failures == 1:
            raise Unavailable("away")
        await closing(job_ids, **how)

    monkeypatch.setattr(store, "close", fail_once)
    await ended(await submit(submission()))
    stats = await MongoCounters(store_database("executor")).of_crew("ws_test", "crew_abc123")
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
    assert_whole, settings, peers, make_crew, submission, submit, ended, log_of, backends
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
