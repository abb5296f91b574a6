"""What all buses promise of messages on their way."""

import asyncio

import aio_pika
import orjson

from common.bus import Message, decode
from common.bus.rabbitmq import RabbitBus
from common.contracts.messages import JobSubmitted
from common.contracts.topology import (
    JOBS,
    JOBS_QUEUE,
)

JOB = "job.submitted.v1"


async def test_a_message_arrives_as_it_was_published(make_inbox, job, bus):
    inbox = make_inbox()
    sent = job(b'{"a":1}', correlation_id="job_1", headers={"workspace_id": "ws_1"})
    await bus.publish(JOBS, JOB, sent)
    await bus.consume(JOBS_QUEUE, inbox)
    (got,) = await inbox.holding(1)
    assert (got.type, got.body, got.message_id) == (sent.type, sent.body, sent.message_id)
    assert got.correlation_id == "job_1"
    assert got.headers["workspace_id"] == "ws_1"
    assert got.routing_key == JOB
    assert got.deliveries == 1
    assert abs((got.timestamp - sent.timestamp).total_seconds()) < 1


async def test_messages_keep_their_order(make_inbox, job, bus):
    inbox = make_inbox()
    for number in range(50):
        await bus.publish(JOBS, JOB, job(b"%d" % number))
    await bus.consume(JOBS_QUEUE, inbox)
    await inbox.holding(50)
    assert inbox.bodies == [b"%d" % number for number in range(50)]


async def test_many_publishes_may_be_under_way_at_once(make_inbox, job, bus):
    inbox = make_inbox()
    await bus.consume(JOBS_QUEUE, inbox, prefetch=20)
    await asyncio.gather(*(bus.publish(JOBS, JOB, job(b"%d" % n)) for n in range(300)))
    await inbox.holding(300)
    assert sorted(inbox.bodies) == sorted(b"%d" % n for n in range(300))


async def test_a_handled_message_does_not_come_again(make_inbox, job, make_bus):
    first, inbox, later = await make_bus(), make_inbox(), make_inbox()
    consumer = await first.consume(JOBS_QUEUE, inbox)
    await first.publish(JOBS, JOB, job(b"once"))
    await inbox.holding(1)
    await consumer.cancel()
    second = await make_bus()
    await second.consume(JOBS_QUEUE, later)
    await second.publish(JOBS, JOB, job(b"next"))
    await later.holding(1)
    assert later.bodies == [b"next"]


async def test_prefetch_bounds_how_many_are_handled_at_once(make_inbox, job, bus):
    running, most, go, inbox = 0, 0, asyncio.Event(), make_inbox()

    async def handler(message: Message) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await inbox(message)
        await go.wait()
        running -= 1

    for _ in range(9):
        await bus.publish(JOBS, JOB, job())
    await bus.consume(JOBS_QUEUE, handler, prefetch=3)
    await inbox.holding(3)
    await bus.ping()
    go.set()
    await inbox.holding(9)
    assert most == 3


async def test_messages_wait_for_a_consumer_across_buses(make_inbox, job, make_bus):
    one = await make_bus()
    await one.publish(JOBS, JOB, job(b"waits"))
    await one.close()
    inbox = make_inbox()
    two = await make_bus()
    await two.consume(JOBS_QUEUE, inbox)
    await inbox.holding(1)
    assert inbox.bodies == [b"waits"]


async def test_a_foreign_publisher_needs_no_more_than_type_and_body(
    make_inbox, amqp_url, telemetry
):
    bus, inbox = RabbitBus(amqp_url, telemetry), make_inbox()
    await bus.start()
    await bus.consume(JOBS_QUEUE, inbox)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        body = orjson.dumps({"job_id": "job_1", "workspace_id": "ws_1", "crew_id": "crew_1"})
        await channel.default_exchange.publish(aio_pika.Message(body, type=JOB), "jobs")
    (got,) = await inbox.holding(1)
    assert decode(got, JobSubmitted).crew_id == "crew_1"
    assert got.message_id
    await bus.close()
