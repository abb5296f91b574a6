"""What one job stores and requests: bytes in the store and on the bus, commands to MongoDB, calls of Redis.

Twice: with replies of a line and no tools, as other benches have, and with replies and tools' results as long
as agents see them (`bench.harness.replies`), which is what docs/how-to/scale.md reckons with.

With the bench `broker` and other benches' figures these are the unit costs of `bench/costs.json`, which
docs/how-to/scale.md reckons with. Sizes and counts do not depend on the machine.
"""

import asyncio
import contextlib
import statistics
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
from opentelemetry.metrics import NoOpMeterProvider
from redis.asyncio import Redis

import common.storage.mongo
from bench.harness.databases import BenchDatabase, bench_database
from bench.harness.local_model import LocalModel
from bench.harness.processes import cpu_seconds, scratch
from bench.harness.replies import FILE, REPLY, REPORT, RESULT, TOOL, ReportModel, file_content
from bench.harness.report import Report
from bench.harness.worker import WORKSPACE, OneCrew, Side, side
from common.identity import Identity, Role
from common.logs import configure_logging
from common.times import utc_now
from devkit.commands import Commands
from devkit.stores.files import memory_files
from executor.domain.files.file import NewFile
from executor.tools.built_in_tool import ToolSettings
from executor.tools.toolbox import Toolbox
from gateway.domain.windows import RateLimits
from gateway.store.counters import RedisCounters
from kasal_platform.embedded.bus import InProcessBus
from kasal_platform.local import finding

JOBS = 200
_LATENCY = 0.3
REQUESTS = 20_000


@contextlib.contextmanager
def _listening() -> Iterator[tuple[Commands, dict[str, list[int]]]]:
    """Yield the commands sent to MongoDB from here on, and the bytes published to each exchange."""
    commands, sent = Commands(), defaultdict[str, list[int]](list)
    client, publish = common.storage.mongo.Client, InProcessBus.publish

    def listening_client(*args: Any, event_listeners: Any = (), **options: Any) -> Any:
        return client(*args, event_listeners=[*event_listeners, commands], **options)

    async def note_and_publish(bus: InProcessBus, exchange: Any, key: str, message: Any) -> None:
        sent[exchange.name].append(len(message.body))
        await publish(bus, exchange, key, message)

    common.storage.mongo.Client, InProcessBus.publish = listening_client, note_and_publish  # type: ignore[misc, assignment]
    try:
        yield commands, sent
    finally:
        common.storage.mongo.Client, InProcessBus.publish = client, publish  # type: ignore[misc, method-assign]


@contextlib.asynccontextmanager
async def _side(*, real: bool) -> AsyncIterator[Side]:
    with (
        tempfile.TemporaryDirectory() as name,
        bench_database("secantus", Path(name)) as held,  # its commands are what is counted
    ):
        async with _real(held) if real else _short(held) as found:
            yield found


def _short(held: BenchDatabase) -> contextlib.AbstractAsyncContextManager[Side]:
    return side(LocalModel(_LATENCY), held)


@contextlib.asynccontextmanager
async def _real(held: BenchDatabase) -> AsyncIterator[Side]:
    files = memory_files()
    await files.put(NewFile("file_1", WORKSPACE, FILE, utc_now(), "bench"), _whole(file_content()))
    tools = Toolbox(ToolSettings(files), OneCrew())
    try:
        async with side(
            ReportModel(_LATENCY),
            held,
            answer=REPORT,
            tool=TOOL,
            tools=tools,
        ) as found:
            yield found
    finally:
        await tools.close()


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _jobs(report: Report, *, real: bool) -> None:
    """Run jobs concurrently, as a busy worker does, and read what they stored."""
    with _listening() as (commands, sent):
        async with _side(real=real) as found:
            await found.run_one()
            await found.wait_until_settled()
            commands.clear()
            sent.clear()
            await asyncio.gather(*(found.run_one() for _ in range(JOBS)))
            await found.wait_until_settled()
            documents = await found.open_jobs.find({"seq": {"$gt": 0}}).to_list()
            traces = await found.traces.find({}).to_list()
    report.notes.append(
        f"{'Real' if real else 'Short'} replies: "
        + (f"{REPLY:,} characters, after a tool's {RESULT:,}." if real else "a line, no tools.")
    )
    _tell(_Rows(report, ", real replies" if real else ""), commands, sent, documents, traces)


@dataclass(frozen=True)
class _Rows:
    """Rows of one kind of replies."""

    report: Report
    suffix: str

    def row(self, what: str, unit: str, value: float) -> None:
        self.report.row(what + self.suffix, unit, value)


def _tell(
    rows: _Rows,
    commands: Commands,
    sent: dict[str, list[int]],
    documents: list[Any],
    traces: list[Any],
) -> None:
    """Say what the jobs left: documents (their log's tail in them), what went to the traces, messages."""
    jobs = len(documents)
    asked = [one for one in commands.sent if one.collection not in {"workers", "schema"}]
    own = [one for one in asked if one.by is None or "_id" in one.by or one.command == "update"]
    writes = [one for one in own if one.command in {"insert", "update"}]
    tails = [event for one in documents for event in one.get("tail", ())]
    events = [_size(event) for event in [*tails, *traces]]
    rows.row("events of a job", "", len(events) / jobs)
    rows.row("a settled job in the store", "B", sum(map(_size, [*documents, *traces])) / jobs)
    rows.row("an event in the store", "B", statistics.mean(events))
    rows.row("a job's message", "B", statistics.mean(sent["jobs"]))
    rows.row("an event's message", "B", statistics.mean(sent["events"]))
    rows.row("event messages of a job", "", len(sent["events"]) / JOBS)
    rows.row("documents a job writes (inserts and updates)", "", len(writes) / JOBS)
    rows.row("documents a job has read", "", (len(own) - len(writes)) / JOBS)
    sent_commands = sum(n for what, n in commands.counted.items() if not what.endswith(" workers"))
    rows.row(
        f"commands for a job, {JOBS} beside each other, looks included", "", sent_commands / JOBS
    )


def _size(document: Any) -> int:
    return len(bson.encode(document))


async def _redis(report: Report, url: str, pid: int) -> None:
    """What the gateway asks of Redis for each request, one at a time and 64 together."""
    redis = Redis.from_url(url, decode_responses=True)
    counters = RedisCounters(redis, NoOpMeterProvider().get_meter("bench"))
    running = asyncio.create_task(counters.run())
    limits = RateLimits(per_hour=10**9, per_minute=10**9)

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
    for real in (False, True):
        asyncio.run(_jobs(report, real=real))
    with scratch("redis") as folder, finding.redis(folder, program_only=True) as found:
        assert found.program is not None
        assert found.program.pid is not None
        asyncio.run(_redis(report, found.url, found.program.pid))
    return report


if __name__ == "__main__":
    print(run().text())
