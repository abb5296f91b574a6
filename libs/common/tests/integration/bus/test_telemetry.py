"""What all buses tell of themselves: spans, counts, depths."""

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.contextvars import get_contextvars

from common.bus import Bus, BusUnavailable, DeadLetter, Depth, Message, decode, encode
from common.bus.rabbitmq import RabbitBus
from common.contracts.messages import JobSubmitted
from common.contracts.topology import (
    DEAD_LETTERS_QUEUE,
    JOBS,
    JOBS_QUEUE,
)
from common.telemetry import Telemetry

JOB = "job.submitted.v1"


def _labels(bus: Bus, operation: str, destination: str) -> dict[str, str]:
    return {
        "service_name": "test",
        "messaging_system": "rabbitmq" if isinstance(bus, RabbitBus) else "memory",
        "messaging_operation_name": operation,
        "messaging_destination_name": destination,
    }


async def test_a_handlers_span_belongs_to_the_publishers_trace_and_its_log_to_the_job(
    make_inbox, make_bus
):
    exporter = InMemorySpanExporter()
    telemetry = Telemetry("tested", spans=SimpleSpanProcessor(exporter))
    bus, seen = await make_bus(telemetry), make_inbox()
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


async def test_what_is_published_and_consumed_is_counted(make_inbox, job, make_bus, telemetry):
    bus, inbox = await make_bus(telemetry), make_inbox(DeadLetter("no"))
    dead = make_inbox()
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


async def test_what_is_tried_again_and_handed_out_again_is_counted(
    make_inbox, job, make_bus, telemetry
):
    bus, inbox = await make_bus(telemetry), make_inbox(ValueError("no"))
    consumer = await bus.consume(JOBS_QUEUE, inbox)
    await bus.publish(JOBS, JOB, job())
    await inbox.holding(2)
    value, handled = telemetry.registry.get_sample_value, _labels(bus, "process", "jobs")
    assert value("kasal_bus_retried_total", handled) == 1
    assert value("messaging_client_consumed_messages_total", handled) == 1
    assert value("kasal_bus_redelivered_total", handled) is None
    await consumer.cancel()


async def test_a_message_that_was_handed_out_before_is_counted_as_redelivered(
    make_inbox, job, make_bus, telemetry
):
    one, two = await make_bus(), await make_bus(telemetry)
    failing, other = make_inbox(*[ValueError("no")] * 3), make_inbox()
    consumer = await one.consume(JOBS_QUEUE, failing)
    await one.publish(JOBS, JOB, job())
    await failing.holding(1)
    await consumer.cancel()
    await two.consume(JOBS_QUEUE, other)
    await other.holding(1)
    handled = _labels(two, "process", "jobs")
    assert telemetry.registry.get_sample_value("kasal_bus_redelivered_total", handled) == 1


async def test_the_depth_of_a_queue_is_what_nobody_has_been_handed(make_inbox, job, make_bus):
    bus, other = await make_bus(), await make_bus()
    for number in range(3):
        await bus.publish(JOBS, JOB, job(b"%d" % number))
    assert await bus.depth(JOBS_QUEUE) == Depth(messages=3, consumers=0)
    assert await bus.depth(DEAD_LETTERS_QUEUE) == Depth(messages=0, consumers=0)
    inbox = make_inbox()
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
