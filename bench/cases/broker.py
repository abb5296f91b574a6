"""What messages and bindings cost RabbitMQ: the unit costs that docs/how-to/scale.md calculates with.

The broker's own CPU is what counts, taken from its process: this client, in Python, is slower than it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.harness.processes import cpu_seconds, scratch, tree
from bench.harness.report import Report
from common.bus import Message
from common.bus.rabbitmq import RabbitBus
from common.contracts.events import events_key
from common.contracts.topology import CREWS_EVENTS_QUEUE, EVENTS, JOBS, JOBS_QUEUE, Exchange, Queue
from common.telemetry import Telemetry
from kasal_platform.local import finding

JOB_BYTES, EVENT_BYTES = 4_000, 500
MESSAGES = 6_000
BINDINGS = 10_000
_AT_ONCE = 200


@dataclass
class Broker:
    """A RabbitMQ of this bench's own, and a service's connection to it."""

    bus: RabbitBus
    pid: int

    @property
    def cpu(self) -> float:
        return sum(cpu_seconds(pid) for pid in tree(self.pid))

    @property
    def resident_kib(self) -> int:
        return sum(_resident_kib(pid) for pid in tree(self.pid))

    async def cost(self, work: Awaitable[None], times: int) -> tuple[float, float]:
        """Do `work`; return the broker's microseconds of CPU and how many a second, for each time."""
        cpu, began = self.cpu, time.perf_counter()
        await work
        return (self.cpu - cpu) / times * 1e6, times / (time.perf_counter() - began)


def _resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


@contextlib.asynccontextmanager
async def _broker() -> AsyncIterator[Broker]:
    with scratch("broker") as folder, finding.amqp(folder, program_only=True) as found:
        bus = RabbitBus(found.url, Telemetry("bench"))
        await bus.start()
        assert found.program is not None
        assert found.program.pid is not None
        try:
            yield Broker(bus, found.program.pid)
        finally:
            await bus.close()


async def _at_once(calls: Iterator[Awaitable[None]]) -> None:
    """Await all `calls`, a bounded number at a time."""

    async def some() -> None:
        for call in calls:
            await call

    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))


def _key(n: int, kind: str = "task_complete") -> str:
    return events_key("ws_bench", f"job_{n:026}", kind)


async def _through(broker: Broker, exchange: Exchange, queue: Queue, key: str, size: int) -> None:
    """Publish messages of `size` bytes, with confirms, and take them all from the quorum queue."""
    taken, all_taken = 0, asyncio.Event()

    async def take(_: Message) -> None:
        nonlocal taken
        taken += 1
        if taken == MESSAGES:
            all_taken.set()

    headers = {"workspace_id": "ws_bench", "crew_id": "crew_bench"}
    message = Message(type=next(iter(queue.accepts), "trace"), body=b"x" * size, headers=headers)
    consumer = await broker.bus.consume(queue, take, prefetch=64)
    await _at_once(broker.bus.publish(exchange, key, message) for _ in range(MESSAGES))
    await asyncio.wait_for(all_taken.wait(), 120)
    await consumer.cancel()


async def _events(broker: Broker, key: Callable[[int], str]) -> None:
    message = Message(type="trace", body=b"x" * EVENT_BYTES)
    await _at_once(broker.bus.publish(EVENTS, key(n), message) for n in range(MESSAGES))


async def _measure_relay(broker: Broker, report: Report) -> None:
    """One relay that watches many jobs: what binding, routing and unbinding cost."""
    count, arrived = 0, asyncio.Event()

    async def take(_: Message) -> None:
        nonlocal count
        count += 1
        if count == MESSAGES:
            arrived.set()

    async def route() -> None:
        await _events(broker, lambda n: _key(n % BINDINGS, "tool_call"))
        await asyncio.wait_for(arrived.wait(), 60)

    queue = await broker.bus.subscribe(EVENTS, take, max_length=100_000)
    before = broker.resident_kib
    patterns = [_key(n).rpartition(".")[0] + ".#" for n in range(BINDINGS)]
    cpu, rate = await broker.cost(_at_once(map(queue.bind, patterns)), BINDINGS)
    report.row("a binding: CPU", "us", cpu)
    report.row("bindings made", "1/s", rate)
    report.row("a binding: memory", "KiB", (broker.resident_kib - before) / BINDINGS)
    cpu, rate = await broker.cost(route(), MESSAGES)
    report.row(f"an event to one relay of {BINDINGS:,} bindings: CPU", "us", cpu)
    cpu, _ = await broker.cost(_events(broker, lambda n: _key(n + BINDINGS, "tool_call")), MESSAGES)
    report.row(f"an event nobody watches, {BINDINGS:,} bindings: CPU", "us", cpu)
    cpu, rate = await broker.cost(_at_once(map(queue.unbind, patterns)), BINDINGS)
    report.row("an unbinding: CPU", "us", cpu)
    report.row("unbindings made", "1/s", rate)
    await queue.cancel()


async def _measure(report: Report) -> None:
    async with _broker() as broker:
        await _events(broker, lambda n: _key(n, "tool_call"))  # warm
        cpu, _ = await broker.cost(_events(broker, lambda n: _key(n, "tool_call")), MESSAGES)
        report.row("an event nobody is bound for: CPU", "us", cpu)
        work = _through(broker, JOBS, JOBS_QUEUE, JOBS_QUEUE.keys[0], JOB_BYTES)
        cpu, rate = await broker.cost(work, MESSAGES)
        report.row(f"a job of {JOB_BYTES:,} B through its quorum queue: CPU", "us", cpu)
        report.row("jobs through their quorum queue, this client", "1/s", rate)
        work = _through(broker, EVENTS, CREWS_EVENTS_QUEUE, _key(1), EVENT_BYTES)
        cpu, rate = await broker.cost(work, MESSAGES)
        report.row(f"an event of {EVENT_BYTES} B through a quorum queue: CPU", "us", cpu)
        report.row("events through a quorum queue, this client", "1/s", rate)
        await _measure_relay(broker, report)


def run(_: int = 1) -> Report:
    """Measure once: each figure is the mean over thousands of messages."""
    report = Report("broker", "RabbitMQ's own cost of messages and bindings")
    asyncio.run(_measure(report))
    return report


if __name__ == "__main__":
    print(run().text())
