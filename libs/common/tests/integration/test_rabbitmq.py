"""What only a broker outside the process can do: go away and come back.

Covers: common.bus.rabbitmq_queues
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import closing

import aio_pika
import pytest

from common.bus import BusUnavailable, Message
from common.bus.rabbitmq import RabbitBus
from common.bus.rabbitmq_link import FAULTS, Link
from common.contracts.topology import CONTROL, EVENTS, JOBS, JOBS_QUEUE
from common.telemetry import Telemetry

JOB = "job.submitted.v1"


class Proxy:
    """A TCP way to the broker that can be cut and opened again."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.delay = 0.0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there_reader, there_writer = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, there_writer}
        await asyncio.gather(
            _pump(reader, there_writer), _pump(there_reader, writer, lambda: self.delay)
        )
        self._writers -= {writer, there_writer}


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: Callable[[], float] = float
) -> None:
    try:
        while data := await reader.read(65_536):
            await asyncio.sleep(delay())
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.transport.abort()


@pytest.fixture
async def proxy(amqp_url: str) -> AsyncIterator[Proxy]:
    from yarl import URL

    made = Proxy(URL(amqp_url).host or "", URL(amqp_url).port or 5672)
    await made.open()
    yield made
    await made.cut()


@pytest.fixture
async def bus(proxy: Proxy, amqp_url: str, telemetry: Telemetry) -> AsyncIterator[RabbitBus]:
    from yarl import URL

    made = RabbitBus(str(URL(amqp_url).with_host("127.0.0.1").with_port(proxy.port)), telemetry)
    yield made
    await made.close()


def keeping(into: asyncio.Queue[Message]):
    async def handler(message: Message) -> None:
        into.put_nowait(message)

    return handler


async def soon(queue: asyncio.Queue[Message]) -> Message:
    return await asyncio.wait_for(queue.get(), 60)


async def test_everything_is_made_again_after_the_connection_was_lost(bus, proxy):
    jobs, stops, events = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
    back = asyncio.Event()

    async def reconnected() -> None:
        back.set()

    bus.on_reconnect(reconnected)
    await bus.start()
    await bus.consume(JOBS_QUEUE, keeping(jobs))
    await bus.subscribe(CONTROL, keeping(stops))
    watching = await bus.subscribe(EVENTS, keeping(events))
    await watching.bind("ws.job_1.*")
    await watching.bind("ws.job_2.*")
    await watching.unbind("ws.job_2.*")
    assert not back.is_set()

    await proxy.cut()
    await proxy.open()
    await asyncio.wait_for(back.wait(), 60)
    await bus.ping()
    await bus.publish(JOBS, JOB, Message(JOB, b"job"))
    await bus.publish(CONTROL, "", Message("job.stop.v1", b"stop"))
    await bus.publish(EVENTS, "ws.job_2.progress", Message("t", b"unbound"))
    await bus.publish(EVENTS, "ws.job_1.progress", Message("t", b"event"))
    assert (await soon(jobs)).body == b"job"
    assert (await soon(stops)).body == b"stop"
    assert (await soon(events)).body == b"event"


async def test_many_bindings_are_made_again_however_long_that_takes(bus, proxy, monkeypatch):
    """As all relays make theirs at once when the broker is back: only standing still is a loss."""
    events, back = asyncio.Queue(), asyncio.Event()

    async def reconnected() -> None:
        back.set()

    bus.on_reconnect(reconnected)
    await bus.start()
    watching = await bus.subscribe(EVENTS, keeping(events))
    keys = [f"ws.job_{n}.#" for n in range(1_000)]
    for start in range(0, len(keys), 50):
        await asyncio.gather(*map(watching.bind, keys[start : start + 50]))
    monkeypatch.setattr("common.bus.rabbitmq._ATTACH_WITHIN", 1.5)
    proxy.delay = 0.2  # an answer; the steps take two seconds together
    await proxy.cut()
    await proxy.open()
    await asyncio.wait_for(back.wait(), 120)
    await bus.publish(EVENTS, "ws.job_999.progress", Message("t", b"event"))
    assert (await soon(events)).body == b"event"


async def test_publishing_waits_for_a_connection_that_was_lost_just_now(bus, proxy):
    await bus.start()
    publishing = [asyncio.create_task(bus.publish(JOBS, JOB, Message(JOB, b"1"))) for _ in "12345"]
    await proxy.cut()
    publishing += [asyncio.create_task(bus.publish(JOBS, JOB, Message(JOB, b"2"))) for _ in "12345"]
    await proxy.open()
    await asyncio.gather(*publishing)
    bodies = asyncio.Queue()
    await bus.consume(JOBS_QUEUE, keeping(bodies))
    arrived = [(await soon(bodies)).body for _ in publishing]
    assert arrived.count(b"2") == 5


async def test_a_message_in_hand_when_the_connection_is_lost_comes_again(bus, proxy):
    held, go, handled = asyncio.Event(), asyncio.Event(), asyncio.Queue()

    async def handler(message: Message) -> None:
        held.set()
        await go.wait()
        handled.put_nowait(message)

    await bus.start()
    await bus.consume(JOBS_QUEUE, handler)
    await bus.publish(JOBS, JOB, Message(JOB, b"kept"))
    await asyncio.wait_for(held.wait(), 60)
    await proxy.cut()
    await proxy.open()
    go.set()
    first, second = await soon(handled), await soon(handled)
    assert first.message_id == second.message_id
    assert second.deliveries > first.deliveries


async def test_a_bus_starts_without_its_broker_and_finds_it_later(proxy, bus, monkeypatch):
    await proxy.cut()
    with monkeypatch.context() as patience:
        patience.setattr("common.bus.rabbitmq.ANSWER_WITHIN", 600.0)
        await bus.start()  # a refused connection is no reason to wait for that
    jobs, back = asyncio.Queue(), asyncio.Event()

    async def reconnected() -> None:
        back.set()

    bus.on_reconnect(reconnected)
    await bus.consume(JOBS_QUEUE, keeping(jobs))
    watching = await bus.subscribe(EVENTS, keeping(asyncio.Queue()))
    for call in (
        bus.ping(),
        bus.publish(JOBS, JOB, Message(JOB, b"1")),
        watching.bind("ws.job_1.*"),
    ):
        with pytest.raises(BusUnavailable):
            await call
    await proxy.open()
    await asyncio.wait_for(back.wait(), 60)
    await bus.publish(JOBS, JOB, Message(JOB, b"late"))
    assert (await soon(jobs)).body == b"late"


async def test_a_deleted_queue_is_made_again(bus, amqp_url):
    jobs, back = asyncio.Queue(), asyncio.Event()

    async def reconnected() -> None:
        back.set()

    bus.on_reconnect(reconnected)
    await bus.start()
    await bus.consume(JOBS_QUEUE, keeping(jobs))
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.queue_delete(JOBS_QUEUE.name)
    await asyncio.wait_for(back.wait(), 60)
    await bus.publish(JOBS, JOB, Message(JOB, b"1"))
    assert (await soon(jobs)).body == b"1"


async def test_a_paused_consumer_stays_paused_over_a_reconnect(bus, proxy):
    jobs, back = asyncio.Queue(), asyncio.Event()

    async def reconnected() -> None:
        back.set()

    bus.on_reconnect(reconnected)
    await bus.start()
    consumer = await bus.consume(JOBS_QUEUE, keeping(jobs))
    await consumer.pause()
    await proxy.cut()
    await proxy.open()
    await asyncio.wait_for(back.wait(), 60)
    await bus.publish(JOBS, JOB, Message(JOB, b"1"))
    await bus.ping()
    assert jobs.empty()
    await consumer.resume()
    assert (await soon(jobs)).body == b"1"


async def test_a_bus_that_is_not_started_is_unavailable(bus):
    with pytest.raises(BusUnavailable):
        await bus.ping()
    with pytest.raises(BusUnavailable):
        await bus.publish(JOBS, JOB, Message(JOB, b"1"))


async def test_a_connection_that_is_refused_is_closed(monkeypatch):
    """Left open, the library closes it when the garbage collector finds it: in any thread."""
    made: list[aio_pika.Connection] = []
    begin = aio_pika.Connection.__init__

    def remember(connection, *arguments, **options):
        made.append(connection)
        begin(connection, *arguments, **options)

    monkeypatch.setattr(aio_pika.Connection, "__init__", remember)
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(FAULTS):
            await Link.open(f"amqp://127.0.0.1:{taken.getsockname()[1]}", "test")
    assert [connection.is_closed for connection in made] == [True]
