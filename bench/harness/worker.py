"""Our side: a worker with its real store, and a model that answers in this process.

`python -m bench.harness.worker cpu N` runs N jobs one after another on a model that answers at once; `library N` the
same with the model behind `pydantic_ai.direct`, as providers' are; `crowd N` runs N at once, each
model call taking `LATENCY` seconds. A third argument names the database: `sqlite`, as in `make run`, or `secantus`; a
fourth names a file for a profile of the event loop's thread. Prints one JSON line. Only the model is a double; jobs
are checked, stored, announced, claimed, logged, published and settled as ever, over the bus of `make run`: with
SQLite, its durable queues are in a file too, and what crews would consume in this process is handled by doing nothing.
Measured from the first submission until the last job is settled; CPU is that of all threads.
"""

import asyncio
import cProfile
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench.harness.databases import KINDS, BenchDatabase, bench_database
from bench.harness.local_model import LocalModel
from bench.harness.workload import ANSWER, INPUTS, LATENCY, PARTS
from common.bus import Bus, Message
from common.contracts.crew import (
    AgentSnapshot,
    CrewSnapshot,
    MemorySnapshot,
    TaskSnapshot,
    ToolSnapshot,
)
from common.contracts.events import EventType
from common.contracts.messages import MemoryRemembered
from common.contracts.topology import CREWS_EVENTS_QUEUE, EVENTS
from common.errors import Unavailable
from common.logs import configure_logging
from common.telemetry import Telemetry
from devkit.stores.files import memory_files
from executor.config import Settings
from executor.domain.api.estimates import Estimates
from executor.domain.api.intake import JobIntake
from executor.domain.api.quotas import Quotas
from executor.domain.api.submission import Submission
from executor.domain.files.given import GivenFiles
from executor.domain.log.outbox import Outbox
from executor.domain.meters import NoMeters
from executor.engine.ports import ModelSource, ToolSource
from executor.engine.runner import Engine
from executor.messaging.publishers import BusAnnouncements
from executor.models.own import Owner
from executor.models.patience import ModelPatience
from executor.models.remote import RemoteModel
from executor.models.traits import Traits
from executor.store.counters import MongoCounters
from executor.store.executions import MongoExecutions
from executor.store.migrations import indexes
from executor.wiring import SERVICE, build_worker
from kasal_platform.embedded.backends import InProcessBackends

WORKSPACE, CREW = "ws_bench", "crew_bench"
_WARM_UP = 5
_PATIENCE = 90.0


class LibraryModels:
    """The same behind pydantic-ai, through the adapter that providers' models go through."""

    def __init__(self) -> None:
        from pydantic_ai.messages import ModelResponse, TextPart
        from pydantic_ai.models.function import FunctionModel

        async def answer(*_: object) -> ModelResponse:
            return ModelResponse(parts=[TextPart(ANSWER)])

        native = FunctionModel(answer, model_name="local")
        self._model = RemoteModel(
            "local", native, ModelPatience(), NoMeters(), Traits(priced=False)
        )

    async def resolve(self, name: str, owner: Owner | None = None) -> RemoteModel:
        return self._model


class NoTools:
    def tool(self, snapshot: ToolSnapshot) -> None:
        return None


class NoMemory:
    """The peer's crew has none either."""

    async def remember(self, entries: Sequence[MemoryRemembered]) -> None:
        return None


@dataclass(frozen=True)
class OneCrew:
    """The service that owns crews, as far as one crew needs it; its agents may call `tool`."""

    tool: str | None = None

    async def snapshot(
        self, workspace_id: str, crew_id: str, version: int | None = None
    ) -> CrewSnapshot:
        numbered = list(enumerate(PARTS))
        agents = [
            AgentSnapshot(
                id=f"agent_{n}",
                name=p.role,
                role=p.role,
                goal=p.goal,
                backstory=p.backstory,
                model="local",
                tools=[self.tool] if self.tool else [],
            )
            for n, p in numbered
        ]
        tasks = [
            TaskSnapshot(
                id=f"task_{n}",
                description=p.description,
                expected_output=p.expected_output,
                agent_id=f"agent_{n}",
            )
            for n, p in numbered
        ]
        return CrewSnapshot(
            id=crew_id,
            workspace_id=workspace_id,
            name="Report crew",
            process="sequential",
            status="active",
            agents=agents,
            tasks=tasks,
            tools=[ToolSnapshot(name=self.tool)] if self.tool else [],
        )

    async def memory(self, workspace_id: str, crew_id: str, shelf: str) -> MemorySnapshot:
        return MemorySnapshot(shelf=shelf)

    async def tool_credentials(
        self, workspace_id: str, tool_id: str, endpoint: str
    ) -> Mapping[str, Any]:
        return {}

    async def server_credentials(
        self, workspace_id: str, server_id: str, target: str
    ) -> Mapping[str, Any]:
        return {}


class Ends:
    """Learns from the bus when jobs end, with `answer` in their results."""

    def __init__(self, answer: str = ANSWER) -> None:
        self._answer = answer
        self._ended: dict[str, asyncio.Event] = {}

    async def listen(self, bus: Bus) -> None:
        subscription = await bus.subscribe(EVENTS, self._hear)
        await subscription.bind(f"{WORKSPACE}.*.{EventType.EXECUTION_COMPLETE}")
        await subscription.bind(f"{WORKSPACE}.*.{EventType.ERROR}")

    async def _hear(self, message: Message) -> None:
        event = json.loads(message.body)
        if self._answer not in str(event.get("result")):
            print(f"a job did not end as the model answered: {event}", file=sys.stderr)
            raise SystemExit(1)
        self._of(message.correlation_id).set()

    def _of(self, job_id: str) -> asyncio.Event:
        return self._ended.setdefault(job_id, asyncio.Event())

    async def of(self, job_id: str) -> None:
        await self._of(job_id).wait()
        del self._ended[job_id]


async def _take(_: Message) -> None:
    """Handle what crews would."""


async def _stand_in_for_crews(bus: Bus, held: BenchDatabase) -> None:
    if held.shares_process:
        await bus.consume(CREWS_EVENTS_QUEUE, _take, prefetch=1_000)


@dataclass(frozen=True)
class Side:
    """What a measurement works with."""

    submission: Submission
    ends: Ends
    open_jobs: Any
    traces: Any
    held: BenchDatabase

    async def run_one(self) -> None:
        await self.ends.of(await self._submit())

    async def _submit(self) -> str:
        while True:
            try:
                accepted = await self.submission.submit(
                    WORKSPACE, CREW, INPUTS, requested_by="bench", traceparent=""
                )
            except Unavailable:  # what a client is answered 503 for, and tries again
                await asyncio.sleep(0.5)
            else:
                return accepted.job.job_id

    async def stuck(self) -> str:
        """Say where the jobs are that have not ended."""
        fields = {"status": 1, "owner": 1, "seq": 1, "published": 1}
        found = await self.open_jobs.find({"open": True}, fields).to_list()
        return f"{len(found)} jobs are not settled: {found[:3]}"

    async def wait_until_settled(self) -> None:
        """Wait until no job is open any more."""
        while await self.open_jobs.find_one({"open": True}, {"_id": 1}):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def side(
    models: ModelSource,
    held: BenchDatabase,
    *,
    answer: str = ANSWER,
    tool: str | None = None,
    tools: ToolSource | None = None,
) -> AsyncIterator[Side]:
    settings = Settings(
        mongo_url=held.url,
        amqp_url=held.bus_url,
        service_secret="a-secret-of-the-bench",
        migrate_on_start=True,
    )
    backends = InProcessBackends()
    engine = Engine(models, tools or NoTools(), NoMemory())
    worker = build_worker(settings, backends, runner=engine)
    opened = backends.database(settings, SERVICE)
    store = opened.database
    await indexes(store)
    bus = backends.bus(settings, Telemetry("bench"))
    await bus.start()
    outbox = Outbox(BusAnnouncements(bus))
    ends, stop = Ends(answer), asyncio.Event()
    await ends.listen(bus)
    await _stand_in_for_crews(bus, held)
    executions = MongoExecutions(store)
    quotas = Quotas(executions, MongoCounters(store), queued=1_000_000, stored_mb=10_000)
    given = GivenFiles(memory_files())
    estimates = Estimates(MongoCounters(store))
    submission = Submission(JobIntake(executions, OneCrew(tool), estimates, outbox, quotas, given))
    running = asyncio.create_task(worker.run(stop))
    try:
        yield Side(submission, ends, store["executions"], store["traces"], held)
    finally:
        stop.set()
        await running
        await bus.close()
        await opened.close()


async def costs_of(found: Side, count: int, at_once: bool) -> dict[str, float]:
    for _ in range(_WARM_UP):
        await found.run_one()
    await found.wait_until_settled()
    gc.collect()
    gc.freeze()  # as a worker does when it has started (`executor.process.late_engine`)
    cpu, database_cpu = time.process_time(), found.held.cpu_seconds()
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_PATIENCE):
            if at_once:
                await asyncio.gather(*(found.run_one() for _ in range(count)))
            else:
                for _ in range(count):
                    await found.run_one()
    except TimeoutError:
        raise SystemExit(await found.stuck()) from None
    wall = time.perf_counter() - started
    await found.wait_until_settled()
    return {
        "wall_s": wall,
        "wall_ms_per_crew": wall * 1000 / count,
        "crews_per_s": count / wall,
        "cpu_ms_per_crew": (time.process_time() - cpu) * 1000 / count,
        "database_cpu_ms_per_crew": (found.held.cpu_seconds() - database_cpu) * 1000 / count,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


async def main() -> None:
    what, count, *rest = sys.argv[1:]
    kind, *profile = rest or KINDS[:1]
    configure_logging("WARNING", "json")
    crowd = what == "crowd"
    local = LocalModel(LATENCY if crowd else 0.0)
    models = LibraryModels() if what == "library" else local
    with tempfile.TemporaryDirectory() as name, bench_database(kind, Path(name)) as held:
        async with side(models, held) as found:
            profiler = cProfile.Profile(time.process_time) if profile else None
            if profiler:
                profiler.enable()
            told = await costs_of(found, int(count), crowd)
            if profiler:
                profiler.disable()
                profiler.dump_stats(profile[0])
    print(json.dumps(told))


if __name__ == "__main__":
    uvloop.run(main())
