"""What the stories of jobs and workers share: the memory bus, a real store, a run that waits."""

import asyncio

import pytest

from common.bus import Message, encode
from common.contracts.events import TERMINAL_EVENTS, EventType
from common.contracts.messages import JobSubmitted
from common.contracts.topology import DEAD_LETTERS_QUEUE, JOBS
from executor.store.executions import MongoExecutions


@pytest.fixture
async def executions(store_database):
    return MongoExecutions(store_database("executor"))


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
        return [record.entry() for record in await executions.records(job_id, 0, 500)]

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


@pytest.fixture
def make_gate() -> type[Gate]:
    return Gate


@pytest.fixture
def assert_whole():
    """Say that a log is gap-free and has one end, which is its last event."""

    def check(log, ends: EventType) -> None:
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        assert [event.type for event in log if event.type in TERMINAL_EVENTS] == [ends]
        assert log[-1].type == ends

    return check
