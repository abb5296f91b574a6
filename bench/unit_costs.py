"""What one job leaves and asks: bytes in the store and on the bus, commands to MongoDB, calls of Redis.

With `bench/broker.py` and other benches' figures these are the unit costs of `bench/costs.json`, which
docs/how-to/scale.md reckons with. Sizes and counts do not depend on the machine.
"""

import asyncio
import contextlib
import statistics
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import bson
from kasal_side import LocalModel, Side, side
from opentelemetry.metrics import NoOpMeterProvider
from processes import cpu_seconds, scratch
from redis.asyncio import Redis
from report import Report

import common.mongo
from common.bus.memory import MemoryBus
from common.identity import Identity, Role
from common.local import finding, secantus
from common.logs import configure_logging
from common.testing.commands import Commands
from gateway.domain.windows import Limits
from gateway.store.counters import RedisCounters

JOBS = 200
REQUESTS = 20_000


@contextlib.contextmanager
def _listening() -> Iterator[tuple[Commands, dict[str, list[int]]]]:
    """Give what is asked of MongoDB from here on, and the bytes published to each exchange."""
    commands, sent = Commands(), defaultdict[str, list[int]](list)
    client, publish = common.mongo.Client, MemoryBus.publish

    def listened(*args: Any, event_listeners: Any = (), **options: Any) -> Any:
        return client(*args, event_listeners=[*event_listeners, commands], **options)

    async def noted(bus: MemoryBus, exchange: Any, key: str, message: Any) -> None:
        sent[exchange.name].append(len(message.body))
        await publish(bus, exchange, key, message)

    common.mongo.Client, MemoryBus.publish = listened, noted  # type: ignore[misc, assignment]
    try:
        yield commands, sent
    finally:
        common.mongo.Client, MemoryBus.publish = client, publish  # type: ignore[misc, method-assign]


@contextlib.asynccontextmanager
async def _side(latency: float) -> AsyncIterator[Side]:
    with tempfile.TemporaryDirectory() as name:
        program = secantus.program(Path(name) / "mongo")
        program.start()
        try:
            await program.ready()
            async with side(LocalModel(latency), program) as found:  # type: ignore[arg-type]
                yield found
        finally:
            program.stop()


async def _jobs(report: Report) -> None:
    """Run jobs beside each other, as a busy worker does, and look at what they left."""
    with _listening() as (commands, sent):
        async with _side(latency=0.3) as found:
            await found.run_one()
            await found.settled()
            commands.clear()
            sent.clear()
            await asyncio.gather(*(found.run_one() for _ in range(JOBS)))
            await found.settled()
            documents = await found.open_jobs.find({"seq": {"$gt": 0}}).to_list()
    documents = documents[:JOBS]
    asked = [one for one in commands.asked if one.collection not in {"workers", "schema"}]
    own = [one for one in asked if one.by is None or "_id" in one.by or one.command == "update"]
    writes = [one for one in own if one.command in {"insert", "update"}]
    events = [len(bson.encode(event)) for one in documents for event in one["tail"]]
    report.row("events of a job", "", statistics.mean(len(one["tail"]) for one in documents))
    report.row("a settled job in the store", "B", statistics.mean(map(_size, documents)))
    report.row("an event in the store", "B", statistics.mean(events))
    report.row("a job's message", "B", statistics.mean(sent["jobs"]))
    report.row("an event's message", "B", statistics.mean(sent["events"]))
    report.row("event messages of a job", "", len(sent["events"]) / JOBS)
    report.row("documents a job writes (inserts and updates)", "", len(writes) / JOBS)
    report.row("documents a job has read", "", (len(own) - len(writes)) / JOBS)
    sent_commands = sum(n for what, n in commands.counted.items() if not what.endswith(" workers"))
    report.row(
        f"commands for a job, {JOBS} beside each other, looks included", "", sent_commands / JOBS
    )


def _size(document: Any) -> int:
    return len(bson.encode(document))


async def _redis(report: Report, url: str, pid: int) -> None:
    """What the gateway asks of Redis for each request, one at a time and 64 together."""
    redis = Redis.from_url(url, decode_responses=True)
    counters = RedisCounters(redis, NoOpMeterProvider().get_meter("bench"))
    running = asyncio.create_task(counters.run())
    limits = Limits(per_hour=10**9, per_minute=10**9)

    async def check(n: int) -> None:
        user = f"usr_{n % 500}"
        who = Identity(user, f"ws_{n % 100}", Role.OWNER, f"ses_{n % 500}", 1, 2**31)
        assert (await counters.check(f"kasal:rate:ws_{n % 100}", limits, who)) is not None

    for together in (1, 64):
        cpu = cpu_seconds(pid)
        for start in range(0, REQUESTS, together):
            await asyncio.gather(*(check(n) for n in range(start, start + together)))
        used = (cpu_seconds(pid) - cpu) / REQUESTS * 1e6
        report.row(f"Redis' CPU for a request, {together} in a call", "us", used)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await redis.aclose()


def run(_: int = 1) -> Report:
    """Measure once."""
    configure_logging("WARNING", "json")
    report = Report("unit_costs", "what one job leaves and asks")
    asyncio.run(_jobs(report))
    with scratch("redis") as folder, finding.redis(folder, program_only=True) as found:
        assert found.program is not None
        assert found.program.pid is not None
        asyncio.run(_redis(report, found.url, found.program.pid))
    return report


if __name__ == "__main__":
    print(run().text())
