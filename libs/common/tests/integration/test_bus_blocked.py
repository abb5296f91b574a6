"""A RabbitMQ that is short of memory: it stays connected, and takes nothing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from common.bus import BusUnavailable, Message
from common.bus.rabbitmq import RabbitBus
from common.contracts.topology import JOBS, JOBS_QUEUE
from common.telemetry import Telemetry
from kasal_platform.local import rabbitmq


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """A RabbitMQ of this test's own, over `tmp_path`."""
    server = rabbitmq.program(tmp_path)
    server.start()
    try:
        server.wait(60.0)
        yield server.url
    finally:
        server.stop()


async def alarm(folder: Path, *, on: bool) -> None:
    watermark = "0.0000001" if on else "0.6"
    command = ("set_vm_memory_high_watermark", watermark)
    await asyncio.to_thread(rabbitmq.run_rabbitmqctl, folder, *command)


async def refused_at_once(bus: RabbitBus, sent: Message) -> None:
    with pytest.raises(BusUnavailable, match="short of memory or disk"):
        await bus.publish(JOBS, sent.type, sent)


async def test_a_blocked_broker_is_said_to_be_at_once_and_all_goes_on_when_it_takes_messages_again(
    broker: str, tmp_path: Path, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: asyncio.Queue[Message] = asyncio.Queue()

    async def hear(message: Message) -> None:
        heard.put_nowait(message)

    bus, listener = RabbitBus(broker, telemetry), RabbitBus(broker, telemetry)
    await bus.start()
    await listener.start()
    await listener.consume(JOBS_QUEUE, hear)
    first, late = (Message("job.submitted.v1", f'{{"n": {n}}}'.encode()) for n in (1, 2))
    await alarm(tmp_path, on=True)
    with capture_logs() as lines:
        with monkeypatch.context() as patience:
            patience.setattr("common.bus.rabbitmq.ANSWER_WITHIN", 1.0)
            with pytest.raises(BusUnavailable):  # the one that the broker stops reading at
                await bus.publish(JOBS, first.type, first)
            patience.setattr("common.bus.rabbitmq.ANSWER_WITHIN", 600.0)  # nothing waits for that
            for _ in range(50):
                await refused_at_once(bus, late)
        with pytest.raises(BusUnavailable, match="short of memory or disk"):
            await bus.ping()
        await alarm(tmp_path, on=False)
        async with asyncio.timeout(60):
            assert (await heard.get()).body == first.body, "what it had taken in is not lost"
        await bus.ping()
        await bus.publish(JOBS, late.type, late)
        async with asyncio.timeout(60):
            assert (await heard.get()).body == late.body
    assert [line["event"] for line in lines if line["event"].startswith("the message broker")] == [
        "the message broker accepts nothing: it is short of memory or disk",
        "the message broker accepts messages again",
    ]
    await bus.close()
    await listener.close()
