"""Joining a job with 10,000 events behind it while 1,000 a second are stored and published.

Four processes: a worker (`bench.harness.endless_job`), the executor's api, the events service, and a bare
Starlette handler that reads as many events from the same store in one query and sends them, with
nothing live to join them to. They share a RabbitMQ and a store. The client, in this process, checks
of every event that its `seq` is the next one: the bench ends with what was wrong if it is not. It has
caught up with the first event that is at most 100 ms old when it comes.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from bench.harness.endless_job import BACKLOG, RATE
from bench.harness.processes import ROOT, end_process, scratch
from bench.harness.report import Report
from bench.harness.services import Service, bare, peers, serving
from bench.harness.worker import WORKSPACE
from kasal_platform.local import finding

_LEVEL = 0.1
"""Seconds an event may be old for the client to have caught up."""
_WATCHED = 3.0
"""Seconds that live events are watched after that."""
_WITHIN = 60.0


@dataclass
class Joined:
    """What one client saw."""

    seconds: float = 0.0
    caught_up_with: int = 0
    lags: list[float] = field(default_factory=list)
    watched: float = 0.0


class Talk:
    """The worker's process and its job."""

    def __init__(self, process: asyncio.subprocess.Process, job_id: str) -> None:
        self._process = process
        self.job_id = job_id

    async def end(self) -> int:
        """End the job; return how many events it had."""
        told, _ = await self._process.communicate(b"0\n")
        return int(json.loads(told.splitlines()[-1])["events"])


@asynccontextmanager
async def _talking(environment: dict[str, str], folder: Path) -> AsyncIterator[Talk]:
    with (folder / "worker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.harness.endless_job"),
            cwd=ROOT,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_WITHIN):
            job_id = (await process.stdout.readline()).decode().strip()
            if (await process.stdout.readline()).strip() != b"live":
                raise SystemExit(f"the worker has ended; see {folder / 'worker.log'}")
        yield Talk(process, job_id)
    finally:
        await end_process(process)


class Client:
    """Watches the job on a socket of its own each time."""

    def __init__(self, http: aiohttp.ClientSession, events: Service, job_id: str) -> None:
        self._http = http
        self._url = f"{events.url}/ws"
        self._job_id = job_id

    @asynccontextmanager
    async def _subscription(self, after: int) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with self._http.ws_connect(self._url) as socket:
            asked = {"type": "subscribe", "job_id": self._job_id, "after_seq": after}
            await socket.send_json(asked)
            told = orjson.loads(await socket.receive_str())
            if told["type"] != "subscribed":
                raise SystemExit(f"the client was told {told}")
            yield socket

    async def head(self) -> int:
        """Return the job's last `seq` now."""
        async with self._http.ws_connect(self._url) as socket:
            await socket.send_json({"type": "subscribe", "job_id": self._job_id})
            return int(orjson.loads(await socket.receive_str())["last_seq"])

    async def join(self, after: int) -> Joined:
        """Join after that event, catch up, and watch a while."""
        found = Joined()
        started = time.perf_counter()
        async with asyncio.timeout(_WITHIN), self._subscription(after) as socket:
            seq = after
            while True:
                event = _next(await socket.receive_str(), seq)
                seq, now = event["seq"], time.perf_counter() - started
                lag = time.time() - datetime.fromisoformat(event["timestamp"]).timestamp()
                if not found.seconds and lag <= _LEVEL:
                    found.seconds, found.caught_up_with = now, seq
                if found.seconds:
                    found.lags.append(lag)
                    found.watched = now - found.seconds
                if found.watched >= _WATCHED:
                    return found

    async def to_the_end(self) -> int:
        """Read the whole job again, to its last event; return the `seq` of that."""
        async with asyncio.timeout(_WITHIN), self._subscription(0) as socket:
            seq = 0
            while True:
                event = _next(await socket.receive_str(), seq)
                seq = event["seq"]
                if event["type"] == "execution_complete":
                    return int(seq)

    async def bare(self, service: Service, after: int) -> float:
        """Return the seconds that as many events take from the bare handler."""
        started = time.perf_counter()
        url = f"{service.url}/log/{self._job_id}/{after}/{BACKLOG}"
        seq = after
        async with asyncio.timeout(_WITHIN), self._http.ws_connect(url) as socket:
            async for message in socket:
                seq = _next(message.data, seq)["seq"]
        if seq != after + BACKLOG:
            raise SystemExit(f"the bare handler sent {seq - after} events, not {BACKLOG}")
        return time.perf_counter() - started


def _next(text: str, seq: int) -> Any:
    """Return the event, which must follow the one with that `seq`."""
    event = orjson.loads(text)
    if event.get("seq") != seq + 1:
        raise SystemExit(f"LOST OR REPEATED: after {seq} came {text[:300]}")
    return event


async def _rounds(client: Client, reader: Service, rounds: int, report: Report) -> None:
    joined, plain = [], []
    for number in range(rounds):
        # The first from the very start, the others as far behind as that one was.
        after = 0 if number == 0 else await client.head() - BACKLOG
        joined.append(await client.join(after))
        plain.append(await client.bare(reader, after))
        joined[-1].caught_up_with -= after
    report.row("time to catch up with live", "s", *(one.seconds for one in joined))
    report.row("events until then", "", *(one.caught_up_with for one in joined))
    rates = [one.caught_up_with / one.seconds for one in joined]
    report.row("events in catching up", "events/s", *rates)
    report.row(f"bare Starlette: {BACKLOG:,} stored events", "s", *plain)
    report.row("the same", "events/s", *(BACKLOG / seconds for seconds in plain))
    pairs = zip(rates, plain, strict=True)
    report.row("events/s, relay / bare", "", *(rate * seconds / BACKLOG for rate, seconds in pairs))
    report.row("live events", "events/s", *(len(one.lags) / one.watched for one in joined))
    for name, place in (("median", 49), ("99th of 100", 98)):
        lags = [statistics.quantiles(one.lags, n=100)[place] * 1000 for one in joined]
        report.row(f"age of live events after that, {name}", "ms", *lags)


async def _measure(rounds: int, folder: Path, report: Report) -> None:
    with finding.mongo(folder / "mongo") as store, finding.amqp(folder / "rabbitmq") as broker:
        async with peers() as given:
            backends = {"KASAL_MONGO_URL": store.url, "KASAL_AMQP_URL": broker.url}
            backends["KASAL_MONGO_DATABASE_PREFIX"] = "kasal_bench_backlog_"
            await _with_services({**given.environment(), **backends}, given, folder, report, rounds)


async def _with_services(
    environment: dict[str, str], given: Any, folder: Path, report: Report, rounds: int
) -> None:
    token = given.token(workspace_id=WORKSPACE)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        serving("executor", folder, environment) as executor,
        serving("events", folder, {**environment, "KASAL_EXECUTOR_URL": executor.url}) as events,
        bare(environment) as reader,
        aiohttp.ClientSession(headers=headers) as http,
        _talking(environment, folder) as talk,
    ):
        client = Client(http, events, talk.job_id)
        await _rounds(client, reader, rounds, report)
        count, last = await asyncio.gather(talk.end(), client.to_the_end())
        report.at_most("events that were lost or repeated", 0, abs(count - last))


def run(rounds: int) -> Report:
    report = Report("backlog", f"joining {BACKLOG:,} events while {RATE:,} a second arrive")
    with scratch("backlog") as folder:
        asyncio.run(_measure(rounds, folder, report))
    report.notes.append("Every event was looked at: the bench ends where one is lost or repeated.")
    return report
