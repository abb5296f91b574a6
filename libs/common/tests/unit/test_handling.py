"""What happens around the call of a handler.

Covers: common.process.cancellation
"""

import asyncio

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
