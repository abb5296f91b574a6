"""What happens around the call of a handler.

Covers: common.bus.handling, common.process.cancellation
"""

import asyncio

from opentelemetry.trace import SpanContext, get_current_span

from common.bus import Message, never_away
from common.bus.handling import Handling
from common.contracts.topology import JOBS_QUEUE
from common.telemetry import Telemetry


async def test_a_message_whose_handling_a_library_cancels_is_tried_again() -> None:
    """Else it stays with its consumer, neither acknowledged nor given back, until the link is lost."""
    tries: list[int] = []

    async def handle(message: Message) -> None:
        tries.append(message.deliveries)
        if len(tries) == 1:
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            answer.cancel()
            await answer

    telemetry = Telemetry("test")
    try:
        handling = Handling(telemetry, "rabbitmq", never_away)
        message = Message(min(JOBS_QUEUE.accepts), b"{}")
        async with asyncio.timeout(60):
            assert await handling.deal(JOBS_QUEUE, handle, message, asyncio.Event()) is None
    finally:
        telemetry.close()
    assert tries == [1, 2]


async def test_a_handler_passes_on_the_trace_of_its_message_where_nobody_records() -> None:
    seen: list[SpanContext] = []

    async def handle(_: Message) -> None:
        seen.append(get_current_span().get_span_context())

    telemetry = Telemetry("test")
    try:
        handling = Handling(telemetry, "rabbitmq", never_away)
        traceparent = f"00-{7:032x}-{9:016x}-01"
        for headers in ({"traceparent": traceparent}, {}):
            message = Message(min(JOBS_QUEUE.accepts), b"{}", headers=headers)
            assert await handling.deal(JOBS_QUEUE, handle, message, asyncio.Event()) is None
    finally:
        telemetry.close()
    passed_on, begun = seen
    assert (passed_on.trace_id, passed_on.span_id, passed_on.trace_flags) == (7, 9, 1)
    assert begun.is_valid
    assert begun.trace_id != 7
    assert not get_current_span().get_span_context().is_valid
