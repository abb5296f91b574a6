"""One set of promises, kept by both buses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import aio_pika
import orjson
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pymongo.errors import AutoReconnect, ExecutionTimeout
from structlog.contextvars import get_contextvars

from common.bus import Bus, BusUnavailable, DeadLetter, Depth, Message, decode, encode
from common.bus.memory import MemoryBroker, MemoryBus
from common.bus.rabbitmq import RabbitBus
from common.contracts.messages import JobSubmitted
from common.contracts.topology import (
    CONTROL,
    CREWS_EVENTS_QUEUE,
    DEAD_LETTERS_QUEUE,
    EVENTS,
    HEADER_ATTEMPTS,
    HEADER_DEAD_FROM,
    HEADER_KEY,
    HEADER_REASON,
    JOBS,
    JOBS_QUEUE,
)
from common.errors import Unavailable
from common.formats import NewerFormat
from common.telemetry import Telemetry

JOB = "job.submitted.v1"


class Inbox:
    """A handler that keeps what it gets, and fails as it is told."""

    def __init__(self, *faults: Exception | None) -> None:
        self.messages: list[Message] = []
        self._faults = list(faults)
        self._news = asyncio.Condition()

    async def __call__(self, message: Message) -> None:
        async with self._news:
            self.messages.append(message)
            self._news.notify_all()
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            raise fault

    async def holding(self, count: int) -> list[Message]:
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: len(self.messages) >= count)
            return self.messages

    @property
    def bodies(self) -> list[bytes]:
        return [message.body for message in self.messages]


def job(body: bytes = b"{}", **rest: object) -> Message:
    return Message(JOB, body, **rest)  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "rabbitmq"])
async def make_bus(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Awaitable[Bus]]]:
    """Make started buses over one broker; they are closed after the test."""
    broker = MemoryBroker()
    url = request.getfixturevalue("amqp_server") if request.param == "rabbitmq" else ""
    if url:
        from common.testing.broker import purge

        await purge(url)
    async with AsyncExitStack() as stack:

        async def make(telemetry: Telemetry | None = None) -> Bus:
            if telemetry is None:
                telemetry = Telemetry("tested")
                stack.callback(telemetry.close)
            bus: Bus = RabbitBus(url, telemetry) if url else MemoryBus(broker, telemetry)
            await bus.start()
            stack.push_async_callback(bus.close)
            return bus

        yield make


@pytest.fixture
async def bus(make_bus: Callable[..., Awaitable[Bus]]) -> Bus:
    return await make_bus()


async def test_a_message_arrives_as_it_was_published(bus):
    inbox = Inbox()
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


async def test_messages_keep_their_order(bus):
    inbox = Inbox()
    for number in range(50):
        await bus.publish(JOBS, JOB, job(b"%d" % number))
    await bus.consume(JOBS_QUEUE, inbox)
    await inbox.holding(50)
    assert inbox.bodies == [b"%d" % number for number in range(50)]


async def test_many_publishes_may_be_under_way_at_once(bus):
    inbox = Inbox()
    await bus.consume(JOBS_QUEUE, inbox, prefetch=20)
    await asyncio.gather(*(bus.publish(JOBS, JOB, job(b"%d" % n)) for n in range(300)))
    await inbox.holding(300)
    assert sorted(inbox.bodies) == sorted(b"%d" % n for n in range(300))


async def test_a_handled_message_does_not_come_again(make_bus):
    first, inbox, later = await make_bus(), Inbox(), Inbox()
    consumer = await first.consume(JOBS_QUEUE, inbox)
    await first.publish(JOBS, JOB, job(b"once"))
    await inbox.holding(1)
    await consumer.cancel()
    second = await make_bus()
    await second.consume(JOBS_QUEUE, later)
    await second.publish(JOBS, JOB, job(b"next"))
    await later.holding(1)
    assert later.bodies == [b"next"]


async def test_prefetch_bounds_how_many_are_handled_at_once(bus):
    running, most, go, inbox = 0, 0, asyncio.Event(), Inbox()

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


async def test_a_failure_is_tried_again_with_a_count(bus):
    inbox = Inbox(ValueError("first"), ValueError("second"))
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.publish(JOBS, JOB, job())
    await inbox.holding(3)
    assert [message.deliveries for message in inbox.messages] == [1, 2, 3]
    assert len({message.message_id for message in inbox.messages}) == 1


async def test_a_message_that_always_fails_is_a_dead_letter_with_its_reason(bus):
    inbox, dead = Inbox(*[ValueError("it is broken")] * 9), Inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    sent = job(b"poison", correlation_id="job_1", headers={"workspace_id": "ws_1"})
    await bus.publish(JOBS, JOB, sent)
    (letter,) = await dead.holding(1)
    assert len(inbox.messages) == JOBS_QUEUE.delivery_limit
    assert letter.body == b"poison"
    assert (letter.message_id, letter.correlation_id) == (sent.message_id, "job_1")
    assert letter.type == JOB
    assert letter.headers["workspace_id"] == "ws_1"
    assert "it is broken" in letter.headers[HEADER_REASON]
    assert letter.headers[HEADER_DEAD_FROM] == "jobs"
    assert letter.headers[HEADER_ATTEMPTS] == str(JOBS_QUEUE.delivery_limit)
    assert letter.headers[HEADER_KEY] == JOB


async def test_what_only_newer_code_could_handle_does_not_hold_up_the_rest(bus, monkeypatch):
    monkeypatch.setattr("common.bus.handling._FIRST_DELAY", 0.001)
    too_new = NewerFormat("The crew was written by a newer version.")
    inbox, dead = Inbox(*[too_new] * JOBS_QUEUE.delivery_limit), Inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(JOBS, JOB, job(b"for newer code"))
    (letter,) = await dead.holding(1)
    assert "written by a newer version" in letter.headers[HEADER_REASON]


async def test_a_dead_letter_needs_one_call_only(bus):
    inbox, dead = Inbox(DeadLetter("crew_1 is not this workspace's")), Inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(JOBS, JOB, job(b"one"))
    await bus.publish(JOBS, JOB, job(b"two"))
    (letter,) = await dead.holding(1)
    await inbox.holding(2)
    assert letter.headers[HEADER_REASON] == "crew_1 is not this workspace's"
    assert inbox.bodies == [b"one", b"two"]


@pytest.mark.parametrize("body", [b"not json", b"\xff\x00", b"[]", b'{"job_id": 5}'])
async def test_a_body_that_cannot_be_read_is_a_dead_letter(bus, body):
    async def handler(message: Message) -> None:
        decode(message, JobSubmitted)

    dead = Inbox()
    await bus.consume(JOBS_QUEUE, handler)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(JOBS, JOB, job(body))
    (letter,) = await dead.holding(1)
    assert letter.body == body
    assert "body" in letter.headers[HEADER_REASON]


async def test_an_unknown_type_is_a_dead_letter_without_a_call(bus):
    inbox, dead = Inbox(), Inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(JOBS, JOB, Message("job.submitted.v9", b"{}"))
    (letter,) = await dead.holding(1)
    assert "job.submitted.v9" in letter.headers[HEADER_REASON]
    assert inbox.messages == []


async def test_a_body_that_is_too_long_is_a_dead_letter_without_a_call(bus):
    inbox, dead = Inbox(), Inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    most = job(b" " * JOBS_QUEUE.largest)
    await bus.publish(JOBS, JOB, job(b" " * (JOBS_QUEUE.largest + 1)))
    await bus.publish(JOBS, JOB, most)
    (letter,) = await dead.holding(1)
    assert letter.headers[HEADER_REASON] == (
        f"the body has {JOBS_QUEUE.largest + 1} bytes; at most {JOBS_QUEUE.largest} are taken"
    )
    assert letter.headers[HEADER_ATTEMPTS] == "1"
    (taken,) = await inbox.holding(1)
    assert taken.message_id == most.message_id


@pytest.mark.parametrize(
    "fault",
    [Unavailable("the store is away"), AutoReconnect("closed"), ExecutionTimeout("too slow", 50)],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_backend_that_is_away_is_not_held_against_the_message(bus, monkeypatch, fault):
    monkeypatch.setattr("common.bus.handling._FIRST_DELAY", 0.001)
    inbox = Inbox(*[fault] * (JOBS_QUEUE.delivery_limit + 2))
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.publish(JOBS, JOB, job())
    await inbox.holding(JOBS_QUEUE.delivery_limit + 3)
    dead = Inbox()
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(JOBS, JOB, Message("other", b"{}"))
    (letter,) = await dead.holding(1)
    assert letter.type == "other"


async def test_two_consumers_share_a_queue(make_bus):
    one, two = await make_bus(), await make_bus()
    here, there, both = Inbox(), Inbox(), Inbox()
    hold = asyncio.Event()

    def slow(inbox: Inbox) -> Callable[[Message], Awaitable[None]]:
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


async def test_fanout_reaches_every_subscriber(make_bus):
    one, two = await make_bus(), await make_bus()
    here, there = Inbox(), Inbox()
    await one.subscribe(CONTROL, here)
    await two.subscribe(CONTROL, there)
    await one.publish(CONTROL, "", Message("job.stop.v1", b"{}"))
    await here.holding(1)
    await there.holding(1)


async def test_a_subscription_gets_what_it_is_bound_to_and_from_then_on(bus):
    inbox = Inbox()
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


async def test_a_queue_bound_to_some_types_gets_only_those(bus):
    inbox = Inbox()
    await bus.consume(CREWS_EVENTS_QUEUE, inbox)
    await bus.publish(EVENTS, "ws.job_1.llm_call", Message("t", b"no"))
    await bus.publish(EVENTS, "ws.job_1.task_start", Message("t", b"yes"))
    await bus.publish(EVENTS, "ws.job_1.execution_complete", Message("t", b"end"))
    await inbox.holding(2)
    assert inbox.bodies == [b"yes", b"end"]


async def test_a_subscribers_failure_is_neither_repeated_nor_fatal(bus):
    inbox, dead = Inbox(ValueError("broken")), Inbox()
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
    await asyncio.wait_for(first.wait(), 10)
    for number in range(1, 100):
        await bus.publish(CONTROL, "", Message("job.stop.v1", b"%d" % number))
    go.set()
    await asyncio.wait_for(last.wait(), 10)
    assert bodies == [0, 95, 96, 97, 98, 99]


async def test_a_cancelled_subscription_gets_no_more(bus):
    gone, stays = Inbox(), Inbox()
    subscription = await bus.subscribe(CONTROL, gone)
    await bus.subscribe(CONTROL, stays)
    await subscription.cancel()
    await bus.publish(CONTROL, "", Message("job.stop.v1", b"{}"))
    await stays.holding(1)
    assert gone.messages == []


async def test_a_paused_consumer_leaves_messages_to_others(make_bus):
    one, two = await make_bus(), await make_bus()
    paused, other = Inbox(), Inbox()
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


async def test_a_handler_may_pause_its_own_consumer_and_nothing_bounces(bus):
    inbox = Inbox()

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


async def test_pausing_twice_and_resuming_twice_is_no_different(bus):
    inbox = Inbox()
    consumer = await bus.consume(JOBS_QUEUE, inbox)
    await consumer.pause()
    await consumer.pause()
    await consumer.resume()
    await consumer.resume()
    await bus.publish(JOBS, JOB, job(b"1"))
    await bus.publish(JOBS, JOB, job(b"2"))
    await inbox.holding(2)
    assert inbox.bodies == [b"1", b"2"]


async def test_cancelling_waits_for_the_call_under_way(bus):
    began, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(_: Message) -> None:
        began.set()
        await go.wait()
        ended.set()

    consumer = await bus.consume(JOBS_QUEUE, handler)
    await bus.publish(JOBS, JOB, job())
    await asyncio.wait_for(began.wait(), 10)
    cancelling = asyncio.create_task(consumer.cancel())
    await bus.ping()
    assert not cancelling.done()
    go.set()
    await cancelling
    assert ended.is_set()


async def test_a_handler_may_cancel_its_own_consumer(bus):
    inbox = Inbox()

    async def handler(message: Message) -> None:
        await consumer.cancel()
        await inbox(message)

    consumer = await bus.consume(JOBS_QUEUE, handler)
    await bus.publish(JOBS, JOB, job())
    await inbox.holding(1)


async def test_what_a_cancelled_consumer_waits_to_try_again_goes_back(make_bus):
    one, two = await make_bus(), await make_bus()
    failing, other = Inbox(*[ValueError("no")] * 3), Inbox()
    consumer = await one.consume(JOBS_QUEUE, failing)
    await one.publish(JOBS, JOB, job(b"kept"))
    await failing.holding(1)
    await consumer.cancel()
    await two.consume(JOBS_QUEUE, other)
    (got,) = await other.holding(1)
    assert got.body == b"kept"
    assert got.deliveries >= 2


async def test_messages_wait_for_a_consumer_across_buses(make_bus):
    one = await make_bus()
    await one.publish(JOBS, JOB, job(b"waits"))
    await one.close()
    inbox = Inbox()
    two = await make_bus()
    await two.consume(JOBS_QUEUE, inbox)
    await inbox.holding(1)
    assert inbox.bodies == [b"waits"]


async def test_a_handlers_span_belongs_to_the_publishers_trace_and_its_log_to_the_job(make_bus):
    exporter = InMemorySpanExporter()
    telemetry = Telemetry("tested", spans=SimpleSpanProcessor(exporter))
    bus, seen = await make_bus(telemetry), Inbox()
    bound: dict[str, object] = {}

    async def handler(message: Message) -> None:
        bound.update(get_contextvars())
        await seen(message)

    await bus.consume(JOBS_QUEUE, handler)
    body = JobSubmitted(job_id="job_1", workspace_id="ws_1", crew_id="crew_1")
    with telemetry.tracer.start_as_current_span("submit") as span:
        trace_id = span.get_span_context().trace_id
        await bus.publish(JOBS, JOB, encode(body, correlation_id="job_1"))
    (message,) = await seen.holding(1)
    await bus.close()
    (processed,) = [s for s in exporter.get_finished_spans() if s.name == "process jobs"]
    assert processed.context.trace_id == trace_id
    assert (bound["job_id"], bound["message_id"]) == ("job_1", message.message_id)
    assert decode(message, JobSubmitted) == body
    assert "job_id" not in get_contextvars()
    telemetry.close()


async def test_what_is_published_and_consumed_is_counted(make_bus, telemetry):
    bus, inbox = await make_bus(telemetry), Inbox(DeadLetter("no"))
    dead = Inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.publish(JOBS, JOB, job())
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await dead.holding(1)
    value = telemetry.registry.get_sample_value
    handled = _labels(bus, "process", "jobs")
    assert value("kasal_bus_dead_lettered_total", handled) == 1
    assert value("messaging_client_consumed_messages_total", handled) == 1
    assert value("messaging_client_sent_messages_total", _labels(bus, "send", "jobs")) == 1
    refused = {**handled, "error_type": "DeadLetter"}
    assert value("messaging_process_duration_seconds_count", refused) == 1


async def test_what_is_tried_again_and_handed_out_again_is_counted(make_bus, telemetry):
    bus, inbox = await make_bus(telemetry), Inbox(ValueError("no"))
    consumer = await bus.consume(JOBS_QUEUE, inbox)
    await bus.publish(JOBS, JOB, job())
    await inbox.holding(2)
    value, handled = telemetry.registry.get_sample_value, _labels(bus, "process", "jobs")
    assert value("kasal_bus_retried_total", handled) == 1
    assert value("messaging_client_consumed_messages_total", handled) == 1
    assert value("kasal_bus_redelivered_total", handled) is None
    await consumer.cancel()


async def test_a_message_that_was_handed_out_before_is_counted_as_redelivered(make_bus, telemetry):
    one, two = await make_bus(), await make_bus(telemetry)
    failing, other = Inbox(*[ValueError("no")] * 3), Inbox()
    consumer = await one.consume(JOBS_QUEUE, failing)
    await one.publish(JOBS, JOB, job())
    await failing.holding(1)
    await consumer.cancel()
    await two.consume(JOBS_QUEUE, other)
    await other.holding(1)
    handled = _labels(two, "process", "jobs")
    assert telemetry.registry.get_sample_value("kasal_bus_redelivered_total", handled) == 1


async def test_the_depth_of_a_queue_is_what_nobody_has_been_handed(make_bus):
    bus, other = await make_bus(), await make_bus()
    for number in range(3):
        await bus.publish(JOBS, JOB, job(b"%d" % number))
    assert await bus.depth(JOBS_QUEUE) == Depth(messages=3, consumers=0)
    assert await bus.depth(DEAD_LETTERS_QUEUE) == Depth(messages=0, consumers=0)
    inbox = Inbox()
    consumer = await other.consume(JOBS_QUEUE, inbox)
    await inbox.holding(3)
    assert await bus.depth(JOBS_QUEUE) == Depth(messages=0, consumers=1)
    await consumer.pause()
    assert (await bus.depth(JOBS_QUEUE)).consumers == 0
    await consumer.resume()
    assert (await bus.depth(JOBS_QUEUE)).consumers == 1
    await consumer.cancel()
    assert (await bus.depth(JOBS_QUEUE)).consumers == 0


async def test_a_bus_that_is_not_there_tells_no_depth(make_bus):
    bus = await make_bus()
    await bus.close()
    with pytest.raises(BusUnavailable):
        await bus.depth(JOBS_QUEUE)


def _labels(bus: Bus, operation: str, destination: str) -> dict[str, str]:
    return {
        "service_name": "test",
        "messaging_system": "rabbitmq" if isinstance(bus, RabbitBus) else "memory",
        "messaging_operation_name": operation,
        "messaging_destination_name": destination,
    }


async def test_a_foreign_publisher_needs_no_more_than_type_and_body(amqp_url, telemetry):
    bus, inbox = RabbitBus(amqp_url, telemetry), Inbox()
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
