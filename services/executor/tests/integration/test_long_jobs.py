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
        await asyncio.wait_for(closed.wait(), 30)


@pytest.mark.timeout(180)
async def test_a_job_longer_than_the_delivery_timeout_is_neither_redelivered_nor_killed(
    impatient_broker,
    settings,
    backends,
    telemetry,
    submission,
    make_runner,
    store_database,
    eventually,
):
    reached, opened = asyncio.Event(), asyncio.Event()

    async def gate(task_id: str) -> None:
        reached.set()
        await opened.wait()

    runner = make_runner(gate)
    settings = settings.model_copy(update={"amqp_url": impatient_broker})
    process, stop = build_worker(settings, backends, runner=runner), asyncio.Event()
    running = asyncio.create_task(process.run(stop))
    bus = backends.bus(settings, telemetry)
    await bus.start()
    message = submission()
    await bus.publish(JOBS, message.message_type, encode(message))
    await asyncio.wait_for(reached.wait(), 30)
    link = process.bus.link
    for _ in range(2):  # others' deliveries have timed out meanwhile, twice
        await timed_out(impatient_broker)

    assert process.bus.link is link
    assert not link.lost.is_set()
    assert runner.started == [(message.job_id, 1)]
    opened.set()
    executions = MongoExecutions(store_database("executor"))

    async def ended():
        job = await executions.head(message.job_id)
        return job if job.final else None

    job = await eventually(ended)
    assert (job.status, job.attempt) == (ExecutionStatus.COMPLETED, 1)
    other = submission()
    await bus.publish(JOBS, other.message_type, encode(other))  # the channel still works

    async def went_on():
        return (other.job_id, 1) in runner.started

    await eventually(went_on)
    assert process.bus.link is link
    stop.set()
    await running
    await bus.close()
