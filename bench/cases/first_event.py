"""From POST /executions to the first event on an open WebSocket, beside a bare round trip.

The platform runs as `make stack` has it. The bare round trip is one message on the same RabbitMQ:
published persistently to a quorum queue, with a confirm, until it is consumed. The socket is open
before the POST and subscribes as soon as the POST has told the job's id.

Both are measured at two paces: after a rest, as a user comes to a platform that is not busy with
what he did just before; and in a row, where a job begins while the one before is still settled.
"""

import asyncio
import os
import time
from pathlib import Path

import aio_pika
import aiohttp
import orjson
from aio_pika.abc import AbstractIncomingMessage

from bench.harness.client import User
from bench.harness.processes import scratch
from bench.harness.report import Report
from kasal_platform.config import Settings
from kasal_platform.stack import Stack, stack_in

_JOBS, _MESSAGES = 20, 60
_REST = 0.05
"""Seconds before each job, and before each message; the result hardly depends on it from 0.02 on."""
_ENDS = {"execution_complete", "error", "execution_stopped"}


class BareBus:
    """One queue, one message at a time."""

    async def open(self, url: str) -> None:
        self._connection = await aio_pika.connect(url)
        channel = await self._connection.channel(publisher_confirms=True)
        self._exchange = channel.default_exchange
        self._queue = await channel.declare_queue(
            "bench.bare", durable=True, arguments={"x-queue-type": "quorum"}
        )
        self._consumed = asyncio.Event()
        consuming = await self._connection.channel()
        await (await consuming.get_queue(self._queue.name)).consume(self._hear)

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        self._consumed.set()
        await message.ack()

    async def round_trip(self) -> float:
        """Return the milliseconds until a message is both confirmed and consumed."""
        self._consumed.clear()
        message = aio_pika.Message(b"x" * 300, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        started = time.perf_counter()
        await self._exchange.publish(message, self._queue.name)
        await self._consumed.wait()
        return (time.perf_counter() - started) * 1000

    async def close(self) -> None:
        await self._queue.delete(if_unused=False, if_empty=False)
        await self._connection.close()


class Watcher:
    """A user with an open socket."""

    def __init__(self, user: User, socket: aiohttp.ClientWebSocketResponse, crew_id: str) -> None:
        self._user = user
        self._socket = socket
        self._crew_id = crew_id

    async def first_event(self) -> tuple[float, float]:
        """Run a job to its end; return milliseconds to the POST's answer and to the first event."""
        started = time.perf_counter()
        job_id = await self._user.start(self._crew_id)
        answered = (time.perf_counter() - started) * 1000
        await self._socket.send_json({"type": "subscribe", "job_id": job_id})
        await self._frame("seq")
        first = (time.perf_counter() - started) * 1000
        while (await self._frame("seq"))["type"] not in _ENDS:
            pass
        await self._socket.send_json({"type": "unsubscribe", "job_id": job_id})
        return answered, first

    async def _frame(self, field: str) -> dict[str, object]:
        async with asyncio.timeout(30):
            while True:
                frame: dict[str, object] = orjson.loads(await self._socket.receive_str())
                if field in frame:
                    return frame


async def _watch(stack: Stack, rounds: int, report: Report) -> None:
    bus = BareBus()
    await bus.open(stack.urls["KASAL_AMQP_URL"])
    base = stack.urls["KASAL_GATEWAY_URL"] + "/api/v1"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        user = User(base, http)
        await user.register(stack.urls["KASAL_AUTH_URL"])
        crew_id = await user.crew()
        async with user.connect() as socket:
            await _alternate(bus, Watcher(user, socket, crew_id), rounds, report)
    await bus.close()


async def _alternate(bus: BareBus, watcher: Watcher, rounds: int, report: Report) -> None:
    for _ in range(10):  # warms up
        await bus.round_trip()
        await watcher.first_event()
    rested, in_a_row = Pace(_REST), Pace(0)
    for _ in range(rounds):
        for pace in (rested, in_a_row):
            await pace.take(bus, watcher)
    rested.tell(report, "after a rest")
    in_a_row.tell(report, "in a row")
    ratios = [ours / theirs for ours, theirs in zip(in_a_row.first, in_a_row.bare, strict=True)]
    report.row("first event / bare round trip, in a row", "", *ratios)
    ratios = [ours / theirs for ours, theirs in zip(rested.first, in_a_row.bare, strict=True)]
    report.row("first event after a rest / bare round trip in a row", "", *ratios)
    ratios = [ours / theirs for ours, theirs in zip(rested.first, rested.bare, strict=True)]
    report.at_most("first event / bare round trip, both after a rest", 15, *ratios)


class Pace:
    """Jobs and bare messages, each after `rest` seconds; medians in milliseconds of each round."""

    def __init__(self, rest: float) -> None:
        self._rest = rest
        self.bare: list[float] = []
        self.answered: list[float] = []
        self.first: list[float] = []

    async def take(self, bus: BareBus, watcher: Watcher) -> None:
        trips, jobs = [], []
        for _ in range(_MESSAGES):
            await asyncio.sleep(self._rest)
            trips.append(await bus.round_trip())
        for _ in range(_JOBS):
            await asyncio.sleep(self._rest)
            jobs.append(await watcher.first_event())
        self.bare.append(_median(trips))
        self.answered.append(_median([answer for answer, _ in jobs]))
        self.first.append(_median([event for _, event in jobs]))

    def tell(self, report: Report, how: str) -> None:
        report.row(f"bare publish to consume {how}, median of {_MESSAGES}", "ms", *self.bare)
        report.row(f"POST to its answer {how}, median of {_JOBS}", "ms", *self.answered)
        report.row(f"POST to the first event {how}, median of {_JOBS}", "ms", *self.first)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


async def _measure(rounds: int, folder: Path, report: Report) -> None:
    extra = {
        "KASAL_MODEL_FALLBACK": "offline",
        "KASAL_PLAN_CHANGES": "true",
        "KASAL_OPEN_ROUTE_LIMIT": "100000",
        "KASAL_LOG_FORMAT": "json",
    }
    async with stack_in(Settings(port=0), folder, os.environ, extra) as stack:
        await _watch(stack, rounds, report)


def run(rounds: int) -> Report:
    report = Report("first_event", "POST /executions to the first event, one process per service")
    with scratch("first_event") as folder:
        asyncio.run(_measure(rounds, folder, report))
    return report
