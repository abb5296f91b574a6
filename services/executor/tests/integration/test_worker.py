"""Stories of jobs and workers, over the memory bus and a real store."""

import asyncio

import pytest

from common.bus import Message, encode
from common.contracts.events import EventType, ExecutionStatus
from common.contracts.messages import JobSubmitted
from common.contracts.topology import DEAD_LETTERS_QUEUE, EVENTS, JOBS
from executor.domain.events import Draft
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
