"""What all buses promise each subscriber."""

import asyncio

from common.bus import Message
from common.contracts.topology import (
    CONTROL,
    CREWS_EVENTS_QUEUE,
    DEAD_LETTERS_QUEUE,
    EVENTS,
)

JOB = "job.submitted.v1"


async def test_fanout_reaches_every_subscriber(make_inbox, make_bus):
    one, two = await make_bus(), await make_bus()
    here, there = make_inbox(), make_inbox()
    await one.subscribe(CONTROL, here)
    await two.subscribe(CONTROL, there)
    await one.publish(CONTROL, "", Message("job.stop.v1", b"{}"))
    await here.holding(1)
    await there.holding(1)


async def test_a_subscription_gets_what_it_is_bound_to_and_from_then_on(make_inbox, bus):
    inbox = make_inbox()
    subscription = await bus.subscribe(EVENTS, inbox)
    await bus.publish(EVENTS, "ws.job_1.progress", Message("t", b"too early"))
    await subscription.bind("ws.job_1.*")
    await bus.publish(EVENTS, "ws.job_1.progress", Message("t", b"mine"))
    await bus.publish(EVENTS, "ws.job_2.progress", Message("t", b"not mine"))
    await bus.publish(EVENTS, "ws.job_1.error", Message("t", b"mine too"))
    await inbox.holding(2)
    await subscription.unbind("ws.job_1.*")
    await bus.publish(EVENTS, "ws.job_1.progress", Message("t", b"too late"))
    await subscription.bind("#")
    await bus.publish(EVENTS, "ws.job_3.progress", Message("t", b"last"))
    await inbox.holding(3)
    assert inbox.bodies == [b"mine", b"mine too", b"last"]
    assert inbox.messages[0].routing_key == "ws.job_1.progress"


async def test_a_queue_bound_to_some_types_gets_only_those(make_inbox, bus):
    inbox = make_inbox()
    await bus.consume(CREWS_EVENTS_QUEUE, inbox)
    await bus.publish(EVENTS, "ws.job_1.llm_call", Message("t", b"no"))
    await bus.publish(EVENTS, "ws.job_1.task_start", Message("t", b"yes"))
    await bus.publish(EVENTS, "ws.job_1.execution_complete", Message("t", b"end"))
    await inbox.holding(2)
    assert inbox.bodies == [b"yes", b"end"]


async def test_a_subscribers_failure_is_neither_repeated_nor_fatal(make_inbox, bus):
    inbox, dead = make_inbox(ValueError("broken")), make_inbox()
    await bus.subscribe(CONTROL, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(CONTROL, "", Message("job.stop.v1", b"1"))
    await bus.publish(CONTROL, "", Message("job.stop.v1", b"2"))
    await inbox.holding(2)
    assert inbox.bodies == [b"1", b"2"]
    assert dead.messages == []


async def test_the_oldest_falls_out_of_a_full_subscription(bus, monkeypatch):
    monkeypatch.setattr("common.bus.rabbitmq_queues._WINDOW", 1)
    first, go, bodies = asyncio.Event(), asyncio.Event(), []
    last = asyncio.Event()

    async def handler(message: Message) -> None:
        bodies.append(int(message.body))
        first.set()
        await go.wait()
        if bodies[-1] == 99:
            last.set()

    await bus.subscribe(CONTROL, handler, max_length=5)
    await bus.publish(CONTROL, "", Message("job.stop.v1", b"0"))
    await asyncio.wait_for(first.wait(), 60)
    for number in range(1, 100):
        await bus.publish(CONTROL, "", Message("job.stop.v1", b"%d" % number))
    go.set()
    await asyncio.wait_for(last.wait(), 60)
    assert bodies == [0, 95, 96, 97, 98, 99]


async def test_a_cancelled_subscription_gets_no_more(make_inbox, bus):
    gone, stays = make_inbox(), make_inbox()
    subscription = await bus.subscribe(CONTROL, gone)
    await bus.subscribe(CONTROL, stays)
    await subscription.cancel()
    await bus.publish(CONTROL, "", Message("job.stop.v1", b"{}"))
    await stays.holding(1)
    assert gone.messages == []
