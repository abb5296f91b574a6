"""The bus over RabbitMQ when its client library ends calls in ways that nobody asked for.

What waits on a connection that is given up is ended by `CancelledError`, as if its task were cancelled.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from common.bus import BusUnavailable, Message
from common.bus import rabbitmq as module
from common.bus.rabbitmq import RabbitBus
from common.bus.workers import Workers, WorkQueue
from common.contracts.topology import EVENTS, JOBS_QUEUE
from common.process.backoff import Backoff
from common.telemetry import Telemetry


class Reply:
    """What a double of the library's calls does: raises what it is told to, once each."""

    def __init__(self) -> None:
        self.faults: list[BaseException] = []
        self.calls = 0

    async def __call__(self, *_: Any, **__: Any) -> "Reply":
        self.calls += 1
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop(0)
        return self

    name = "amq.gen-1"


class Link:
    """A connection that is there until `lost` is set."""

    def __init__(self, place: "Broker") -> None:
        self.lost = asyncio.Event()
        self.broken = False
        self._place = place
        self.publisher = self
        self.basic_publish = place.replies["publish"]
        self.release = self.close = place.replies["close"]

    async def channel(self, *_: Any, **__: Any) -> "Channel":
        await self._place.replies["channel"]()
        return Channel(self._place)


class Channel:
    def __init__(self, place: "Broker") -> None:
        self._place = place
        for call in ("consume", "bind", "unbind", "cancel"):
            setattr(self, call, place.replies[call])
        self.queue_bind = place.replies["bind"]
        self.name = "queue"

    async def get_queue(self, *_: Any, **__: Any) -> "Channel":
        return self

    declare_queue = get_underlay_channel = get_queue


class Broker:
    """Stands in for `Link.open`."""

    def __init__(self) -> None:
        calls = ("open", "channel", "consume", "bind", "unbind", "cancel", "publish", "close")
        self.replies = {call: Reply() for call in calls}
        self.links: list[Link] = []

    async def open(self, *_: Any) -> Link:
        await self.replies["open"]()
        self.links.append(Link(self))
        return self.links[-1]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(module.Link, "open", made.open)
    monkeypatch.setattr(module, "_BACKOFF", Backoff.doubling(0.001, 0.01))
    return made


@pytest.fixture
async def bus(broker: Broker, telemetry: Telemetry) -> AsyncIterator[RabbitBus]:
    made = RabbitBus("amqp://broker", telemetry)
    yield made
    await made.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


async def nothing(_: Message) -> None:
    pass


FAULTS = [asyncio.CancelledError(), OSError("refused"), AssertionError("a bug of the library")]


@pytest.mark.parametrize("call", ["open", "channel", "consume", "close"])
async def test_whatever_a_try_to_connect_meets_there_is_another(bus, broker, call):
    await bus.subscribe(EVENTS, nothing)
    await bus.consume(JOBS_QUEUE, nothing)
    for fault in FAULTS:
        broker.replies[call].faults.append(fault)
    await bus.start()
    for _ in range(len(FAULTS)):
        await until(lambda: bus.link is not None)
        bus.link.lost.set()
        await until(lambda: bus.link is None)
    await until(lambda: bus.link is not None)
    assert not broker.replies[call].faults


async def test_a_bus_is_closed_although_a_try_to_connect_makes_another_fault_of_it(
    broker, telemetry, monkeypatch
):
    trying = asyncio.Event()

    async def opens(*_: Any) -> Link:
        trying.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # as `asyncio.wait_for` of 3.11 may, in the last moment
            raise OSError("refused") from None
        raise AssertionError

    monkeypatch.setattr(module.Link, "open", opens)
    bus = RabbitBus("amqp://broker", telemetry)
    started = asyncio.create_task(bus.start())
    await trying.wait()
    async with asyncio.timeout(60):
        await bus.close()
    started.cancel()


async def test_a_bind_that_the_loss_of_its_connection_ends_is_no_cancellation(bus, broker):
    await bus.start()
    events = await bus.subscribe(EVENTS, nothing)
    broker.replies["bind"].faults.append(asyncio.CancelledError())
    with pytest.raises(BusUnavailable):
        await events.bind("ws_1.job_1.#")
    broker.replies["unbind"].faults.append(asyncio.CancelledError())
    await events.unbind("ws_1.job_1.#")


async def test_a_consumer_that_is_paused_while_its_connection_is_lost_goes_on_with_the_next(
    bus, broker
):
    await bus.start()
    jobs = await bus.consume(JOBS_QUEUE, nothing)
    broker.replies["cancel"].faults.append(asyncio.CancelledError())
    await jobs.pause()
    await jobs.resume()
    assert broker.replies["consume"].calls == 2


async def test_a_cancellation_that_was_asked_for_is_one(bus, broker):
    await bus.start()
    events = await bus.subscribe(EVENTS, nothing)
    hangs = asyncio.Event()
    broker.links[-1]._place.replies["bind"].__class__ = type(
        "Hanging", (Reply,), {"__call__": lambda *_, **__: hangs.wait()}
    )
    binding = asyncio.create_task(events.bind("ws_1.job_1.#"))
    await asyncio.sleep(0.01)
    binding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await binding


async def test_what_could_not_be_attached_in_time_is_attached_to_a_new_connection(
    bus, broker, monkeypatch
):
    """Else nothing would come to it, on a connection that is otherwise well."""
    monkeypatch.setattr(module, "ANSWER_WITHIN", 0.01)
    await bus.start()
    first = bus.link
    broker.replies["channel"].faults.append(TimeoutError())
    await bus.consume(JOBS_QUEUE, nothing)
    await until(lambda: bus.link is not None and bus.link is not first)
    assert broker.replies["consume"].calls == 1


async def test_connections_that_are_lost_at_once_are_not_made_again_and_again_without_a_pause(
    bus, broker, monkeypatch
):
    monkeypatch.setattr(module, "_BACKOFF", Backoff.doubling(0.05, 0.2))
    opened = broker.open

    async def doomed(*given: Any) -> Link:
        link = await opened(*given)
        link.lost.set()
        return link

    monkeypatch.setattr(module.Link, "open", doomed)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await bus.start()
    await until(lambda: len(broker.links) >= 4)
    assert loop.time() - began > 0.2


@pytest.mark.parametrize("fault", [asyncio.CancelledError(), ValueError("a bug")])
async def test_a_worker_outlives_what_one_item_does_to_it(fault):
    backlog: WorkQueue[int] = WorkQueue()
    done: list[int] = []

    async def work(item: int, _: asyncio.Event) -> None:
        if item == 1:
            raise fault
        done.append(item)

    workers = Workers(backlog, work, 1)
    workers.start()
    for item in (1, 2, 3):
        backlog.put(item)
    await until(lambda: done == [2, 3])
    await workers.finish(1.0)
