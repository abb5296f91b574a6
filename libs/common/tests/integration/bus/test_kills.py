"""What a kill must not take from a durable queue: the broker's own, or that of the process it is in.

Covers: kasal_platform.embedded.queue_file, kasal_platform.embedded.backends
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.bus import Bus
from common.contracts.topology import (
    CREWS_EVENTS_QUEUE,
    CREWS_MEMORY_QUEUE,
    JOBS_QUEUE,
    Queue,
)
from common.settings import BusSettings
from common.telemetry import Telemetry
from kasal_platform.embedded.backends import InProcessBackends

_PUBLISHER = """
import asyncio, os, signal, sys
from common.bus import Message
from common.contracts.topology import JOBS_QUEUE, QUEUES
from common.settings import BusSettings
from common.telemetry import Telemetry
from kasal_platform.embedded.backends import InProcessBackends

def end():
    os.kill(os.getpid(), signal.SIGKILL)

async def handler(message):
    if message.body == b"2":
        end()

async def main(url, queue_name, handles):
    bus = InProcessBackends().bus(BusSettings(amqp_url=url), Telemetry("killed"))
    await bus.start()
    (queue,) = [one for one in QUEUES if one.name == queue_name]
    kind = next(iter(queue.accepts), "trace.event.v1")
    for number in range(1, 5):
        headers = {"workspace_id": "ws_1"}
        message = Message(kind, b"%d" % number, f"msg_{number}", "job_1", headers=headers)
        await bus.publish(queue.exchange, queue.keys[0].replace("*", "x"), message)
    if not handles:
        end()
    await bus.consume(queue, handler)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] == "handles"))
"""


@pytest.fixture(params=["sqlite", "rabbitmq"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return (
        f"sqlite://{tmp_path}" if request.param == "sqlite" else request.getfixturevalue("amqp_url")
    )


@pytest.fixture
async def next_bus(url: str, telemetry: Telemetry) -> AsyncIterator[Bus]:
    """A bus as the next process has it, to be started when the one before was killed."""
    bus = InProcessBackends().bus(BusSettings(amqp_url=url), telemetry)
    yield bus
    await bus.close()


async def killed(url: str, queue: Queue, how: str) -> None:
    """Run the publisher until it kills itself."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PUBLISHER, url, queue.name, how
    )
    assert await asyncio.wait_for(child.wait(), 120) == -signal.SIGKILL


@pytest.mark.parametrize(
    "queue", [JOBS_QUEUE, CREWS_EVENTS_QUEUE, CREWS_MEMORY_QUEUE], ids=lambda queue: queue.name
)
async def test_what_was_published_is_there_although_nobody_took_it(
    make_inbox, url, next_bus, queue
):
    await killed(url, queue, "publishes")
    inbox = make_inbox()
    await next_bus.start()
    await next_bus.consume(queue, inbox)
    messages = await inbox.holding(4)
    assert [message.body for message in messages] == [b"1", b"2", b"3", b"4"]
    assert [message.message_id for message in messages] == ["msg_1", "msg_2", "msg_3", "msg_4"]
    assert {message.correlation_id for message in messages} == {"job_1"}
    assert {message.headers["workspace_id"] for message in messages} == {"ws_1"}
    assert messages[0].routing_key == queue.keys[0].replace("*", "x")


async def test_what_was_being_handled_comes_again_with_all_behind_it(make_inbox, url, next_bus):
    await killed(url, JOBS_QUEUE, "handles")
    inbox = make_inbox()
    await next_bus.start()
    await next_bus.consume(JOBS_QUEUE, inbox)
    async with asyncio.timeout(60):
        while b"4" not in inbox.bodies:
            await inbox.holding(len(inbox.messages) + 1)
    assert [body for body in inbox.bodies if body != b"1"] == [b"2", b"3", b"4"]
