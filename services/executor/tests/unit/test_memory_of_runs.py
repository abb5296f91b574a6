"""What a run wants remembered outlives a broker that is away."""

import asyncio

import pytest

from common.bus import BusUnavailable
from common.contracts.messages import MemoryRemembered
from common.times import utc_now
from executor.messaging import publishers
from executor.messaging.publishers import BusMemory


class Bus:
    def __init__(self) -> None:
        self.away = asyncio.Event()
        self.hangs = False
        self.sent: list[str] = []

    async def publish(self, exchange, key, message) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.away.is_set():
            raise BusUnavailable("The message broker cannot be reached.")
        self.sent.append(message.correlation_id)


def entries(*jobs: str) -> list[MemoryRemembered]:
    return [
        MemoryRemembered(
            memory_id=f"{job}:short",
            workspace_id="ws_1",
            crew_id="crew_1",
            job_id=job,
            kind="short_term",
            category="general",
            content="Tea is drunk hot.",
            timestamp=utc_now(),
        )
        for job in jobs
    ]


@pytest.fixture
def bus(monkeypatch) -> Bus:
    monkeypatch.setattr(publishers, "_PAUSE", 0.001)
    return Bus()


async def sent(bus: Bus, *jobs: str) -> None:
    async with asyncio.timeout(60):
        while sorted(bus.sent) != sorted(jobs):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


async def test_it_is_sent_when_the_broker_is_back(bus):
    memory = BusMemory(bus)
    bus.away.set()
    await memory.remember(entries("job_1", "job_2"))
    await memory.remember(entries("job_3"))
    assert bus.sent == []
    bus.away.clear()
    await sent(bus, "job_1", "job_2", "job_3")
    await memory.remember(entries("job_4"))
    await memory.close()
    await sent(bus, "job_1", "job_2", "job_3", "job_4")


async def test_a_run_that_does_not_wait_any_longer_loses_nothing(bus):
    memory = BusMemory(bus)
    bus.hangs = True
    sending = asyncio.create_task(memory.remember(entries("job_1")))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    bus.hangs = False
    await sent(bus, "job_1")
    await memory.close()


async def test_a_process_that_ends_sends_what_is_left(bus):
    memory = BusMemory(bus)
    bus.away.set()
    await memory.remember(entries("job_1"))
    bus.away.clear()
    await memory.close()
    assert bus.sent == ["job_1"]


async def test_a_process_that_ends_waits_for_it_a_little_only(bus):
    memory = BusMemory(bus)
    bus.away.set()
    await memory.remember(entries("job_1"))
    await memory.close(0.01)
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "send memory"]


async def test_an_entry_that_cannot_be_sent_does_not_end_the_sending(bus, monkeypatch):
    """Else all that any run wants remembered from then on would be kept and never sent."""
    publish, refused = bus.publish, []

    async def choosy(exchange, key, message) -> None:
        if message.correlation_id == "job_1" and not bus.away.is_set():
            refused.append(message)
            raise ValueError("no message that a broker takes")
        await publish(exchange, key, message)

    monkeypatch.setattr(bus, "publish", choosy)
    memory = BusMemory(bus)
    bus.away.set()
    await memory.remember(entries("job_1", "job_2"))
    bus.away.clear()
    await sent(bus, "job_2")
    assert len(refused) == 1
    bus.away.set()
    await memory.remember(entries("job_3"))
    bus.away.clear()
    await sent(bus, "job_2", "job_3")
    await memory.close()
