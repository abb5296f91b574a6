"""What the tests of the promises that all buses keep have in common."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from common.bus import Bus, Message
from common.bus.rabbitmq import RabbitBus
from common.storage.mongo import is_away
from common.telemetry import Telemetry
from kasal_platform.embedded.broker import InProcessBroker
from kasal_platform.embedded.bus import InProcessBus
from kasal_platform.embedded.databases import SharedFiles
from kasal_platform.embedded.queue_file import QueueFile


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
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(lambda: len(self.messages) >= count)
            return self.messages

    @property
    def bodies(self) -> list[bytes]:
        return [message.body for message in self.messages]


@pytest.fixture(params=["memory", "sqlite", "rabbitmq"])
async def make_bus(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[Bus]]]:
    """Make started buses over one broker; they are closed after the test."""
    file = QueueFile(lambda: SharedFiles(tmp_path).open("bus", 60.0, None))
    broker = InProcessBroker(file if request.param == "sqlite" else None)
    url = request.getfixturevalue("amqp_server") if request.param == "rabbitmq" else ""
    if url:
        from devkit.broker import purge

        await purge(url)
    async with AsyncExitStack() as stack:

        async def make(telemetry: Telemetry | None = None) -> Bus:
            if telemetry is None:
                telemetry = Telemetry("tested")
                stack.callback(telemetry.close)
            bus: Bus = (
                RabbitBus(url, telemetry, is_away)
                if url
                else InProcessBus(broker, telemetry, is_away)
            )
            await bus.start()
            stack.push_async_callback(bus.close)
            return bus

        yield make


@pytest.fixture
async def bus(make_bus: Callable[..., Awaitable[Bus]]) -> Bus:
    return await make_bus()


@pytest.fixture
def make_inbox() -> type[Inbox]:
    return Inbox


@pytest.fixture
def job() -> Callable[..., Message]:
    """Make a message as one is published to `JOBS`."""
    return lambda body=b"{}", **rest: Message("job.submitted.v1", body, **rest)
