"""A job that runs for longer than RabbitMQ lets a delivery wait (30 minutes, unless set)."""

import asyncio

import aio_pika
import pytest

from common.bus import encode
from common.contracts.events import ExecutionStatus
from common.contracts.topology import JOBS
from executor.store.executions import MongoExecutions
from executor.wiring import build_worker
from kasal_platform.local import rabbitmq

_IMPATIENT = "[{rabbit, [{channel_tick_interval, 500}, {consumer_timeout, 1000}]}]."


@pytest.fixture(scope="module")
def impatient_broker(tmp_path_factory):
    """The URL of a RabbitMQ that waits a second for an acknowledgement."""
    program = rabbitmq.program(tmp_path_factory.mktemp("rabbitmq"), settings=_IMPATIENT)
    program.start()
    program.wait(60.0)
    yield program.url
    program.stop()


async def timed_out(url: str) -> None:
    """Hold a message of one's own until the broker closes the channel for it."""
    closed = asyncio.Event()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        channel.close_callbacks.add(lambda *_: closed.set())
        queue = await channel.declare_queue(durable=True, exclusive=True)
        await channel.default_exchange.publish(aio_pika.Message(b"held"), queue.name)

        async def hold(_: object) -> None:
            pass

        await queue.consume(hold)
        await asyncio.wait_for(closed.wait(), 60)


@pytest.fixture
def impatient_settings(settings, impatient_broker):
    return settings.model_copy(update={"amqp_url": impatient_broker})


@pytest.fixture
async def submit(impatient_settings, backends, telemetry):
    bus = backends.bus(impatient_settings, telemetry)
    await bus.start()
    yield lambda message: bus.publish(JOBS, message.message_type, encode(message))
    await bus.close()


class Gate:
    """Holds a run at its first task until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def __call__(self, task_id: str) -> None:
        self.reached.set()
        await self.opened.wait()


async def ended(store_database, job_id: str):
    job = await MongoExecutions(store_database("executor")).head(job_id)
    return job if job is not None and job.final else None


@pytest.mark.timeout(1_800)
async def test_a_job_longer_than_the_delivery_timeout_is_neither_redelivered_nor_killed(
    *,
    impatient_broker,
    impatient_settings,
    backends,
    submit,
    submission,
    make_runner,
    store_database,
    eventually,
):
    gate = Gate()
    runner = make_runner(gate)
    process, stop = build_worker(impatient_settings, backends, runner=runner), asyncio.Event()
    running = asyncio.create_task(process.run(stop))
    message, other = submission(), submission()
    await submit(message)
    await asyncio.wait_for(gate.reached.wait(), 60)
    link = process.bus.link
    for _ in range(2):  # others' deliveries have timed out meanwhile, twice
        await timed_out(impatient_broker)

    assert process.bus.link is link
    assert not link.lost.is_set()
    assert runner.started == [(message.job_id, 1)]
    gate.opened.set()
    job = await eventually(lambda: ended(store_database, message.job_id))
    assert (job.status, job.attempt) == (ExecutionStatus.COMPLETED, 1)
    await submit(other)  # the channel still works

    await eventually(lambda: ended(store_database, other.job_id))
    assert process.bus.link is link
    stop.set()
    await running
