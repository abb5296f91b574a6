"""What all buses promise consumers of one queue: a share, a pause, an end.

Covers: kasal_platform.embedded.bus
"""

import asyncio
from collections.abc import Awaitable, Callable

from common.bus import Message
from common.contracts.topology import (
    JOBS,
    JOBS_QUEUE,
)

JOB = "job.submitted.v1"


async def test_two_consumers_share_a_queue(make_inbox, job, make_bus):
    one, two = await make_bus(), await make_bus()
    here, there, both = make_inbox(), make_inbox(), make_inbox()
    hold = asyncio.Event()

    def slow(inbox: Callable[[Message], Awaitable[None]]) -> Callable[[Message], Awaitable[None]]:
        async def handler(message: Message) -> None:
            await inbox(message)
            await both(message)
            await hold.wait()

        return handler

    await one.consume(JOBS_QUEUE, slow(here))
    await two.consume(JOBS_QUEUE, slow(there))
    for number in range(6):
        await one.publish(JOBS, JOB, job(b"%d" % number))
    await both.holding(2)
    assert (len(here.messages), len(there.messages)) == (1, 1)
    hold.set()
    await both.holding(6)
    assert sorted(both.bodies) == [b"%d" % number for number in range(6)]


async def test_a_paused_consumer_leaves_messages_to_others(make_inbox, job, make_bus):
    one, two = await make_bus(), await make_bus()
    paused, other = make_inbox(), make_inbox()
    consumer = await one.consume(JOBS_QUEUE, paused, prefetch=5)
    await consumer.pause()
    for number in range(5):
        await one.publish(JOBS, JOB, job(b"%d" % number))
    second = await two.consume(JOBS_QUEUE, other)
    await other.holding(5)
    await second.cancel()
    await one.publish(JOBS, JOB, job(b"after"))
    assert paused.messages == []
    await consumer.resume()
    await paused.holding(1)
    assert paused.bodies == [b"after"]


async def test_a_handler_may_pause_its_own_consumer_and_nothing_bounces(make_inbox, job, bus):
    inbox = make_inbox()

    async def handler(message: Message) -> None:
        await consumer.pause()
        await inbox(message)

    for number in range(4):
        await bus.publish(JOBS, JOB, job(b"%d" % number))
    consumer = await bus.consume(JOBS_QUEUE, handler)
    for count in range(1, 5):
        await inbox.holding(count)
        assert len(inbox.messages) == count
        await consumer.resume()
    assert inbox.bodies == [b"0", b"1", b"2", b"3"]
    assert [message.deliveries for message in inbox.messages] == [1, 1, 1, 1]


async def test_pausing_twice_and_resuming_twice_is_no_different(make_inbox, job, bus):
    inbox = make_inbox()
    consumer = await bus.consume(JOBS_QUEUE, inbox)
    await consumer.pause()
    await consumer.pause()
    await consumer.resume()
    await consumer.resume()
    await bus.publish(JOBS, JOB, job(b"1"))
    await bus.publish(JOBS, JOB, job(b"2"))
    await inbox.holding(2)
    assert inbox.bodies == [b"1", b"2"]


async def test_cancelling_waits_for_the_call_under_way(job, bus):
    began, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(_: Message) -> None:
        began.set()
        await go.wait()
        ended.set()

    consumer = await bus.consume(JOBS_QUEUE, handler)
    await bus.publish(JOBS, JOB, job())
    await asyncio.wait_for(began.wait(), 60)
    cancelling = asyncio.create_task(consumer.cancel())
    await bus.ping()
    assert not cancelling.done()
    go.set()
    await cancelling
    assert ended.is_set()


async def test_a_handler_may_cancel_its_own_consumer(make_inbox, job, bus):
    inbox = make_inbox()

    async def handler(message: Message) -> None:
        await consumer.cancel()
        await inbox(message)

    consumer = await bus.consume(JOBS_QUEUE, handler)
    await bus.publish(JOBS, JOB, job())
    await inbox.holding(1)


async def test_what_a_cancelled_consumer_waits_to_try_again_goes_back(make_inbox, job, make_bus):
    one, two = await make_bus(), await make_bus()
    failing, other = make_inbox(*[ValueError("no")] * 3), make_inbox()
    consumer = await one.consume(JOBS_QUEUE, failing)
    await one.publish(JOBS, JOB, job(b"kept"))
    await failing.holding(1)
    await consumer.cancel()
    await two.consume(JOBS_QUEUE, other)
    (got,) = await other.holding(1)
    assert got.body == b"kept"
    assert got.deliveries >= 2
