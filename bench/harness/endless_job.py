"""A worker whose one job writes events without end: prints the job's id, then, on stdin, is told to end it.

The first `BACKLOG` events come as fast as the journal takes them; when they are stored, `live` is
printed and `RATE` events a second follow until a line comes in. Worker, journal, store and bus are
the platform's; only what would run the crew is a double. The last line says, as JSON, how many
events there were.
"""

import asyncio
import json
from contextlib import AsyncExitStack

from bench.harness import fan_out_servers
from bench.harness.worker import CREW, WORKSPACE, OneCrew
from bench.harness.workload import INPUTS
from common.contracts.events import ExecutionComplete, ToolResult
from common.logs import configure_logging
from common.settings import load
from common.storage.mongo import connect, database
from common.telemetry import Telemetry
from devkit.stores.files import memory_files
from executor.config import Settings
from executor.domain.api.estimates import Estimates
from executor.domain.api.intake import JobIntake
from executor.domain.api.quotas import Quotas
from executor.domain.api.submission import Submission
from executor.domain.files.given import GivenFiles
from executor.domain.log.events import EventDraft
from executor.domain.log.journal import Job, Journal
from executor.domain.log.outbox import Outbox
from executor.messaging.publishers import BusAnnouncements
from executor.store.counters import MongoCounters
from executor.store.executions import MongoExecutions
from executor.wiring import SERVICE, build_worker
from kasal_platform.embedded.backends import InProcessBackends

BACKLOG, RATE = 10_000, 1_000
_TOGETHER = 10
"""Events appended at a time while live: one of 100 writes a second, not one of 1,000."""
_RESULT = "Found 15 relevant articles " * 4


class Talker:
    """Fulfils `CrewRunner`."""

    def __init__(self) -> None:
        self.enough = asyncio.Event()
        self.ended = asyncio.Event()
        self.said = 0

    async def run(self, _: Job, journal: Journal) -> None:
        while self.said < BACKLOG:
            self._say(journal, 500)
            await journal.flush()
        print("live", flush=True)
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.enough.is_set():
            self._say(journal, _TOGETHER)
            due += _TOGETHER / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))
        journal.append(EventDraft(ExecutionComplete(result="enough")))
        await journal.flush()
        self.ended.set()

    def _say(self, journal: Journal, many: int) -> None:
        result = ToolResult(task_id="task_0", agent="Researcher", action="search", result=_RESULT)
        journal.append(*(EventDraft(result) for _ in range(many)))
        self.said += many


async def main() -> None:
    configure_logging("WARNING", "json")
    settings, backends, talker = load(Settings), InProcessBackends(), Talker()
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        client = connect(settings)
        stack.push_async_callback(client.close)
        store = database(client, settings, SERVICE)
        bus = backends.bus(settings, Telemetry("bench"))
        await bus.start()
        stack.push_async_callback(bus.close)
        outbox = Outbox(BusAnnouncements(bus))
        quotas = Quotas(
            MongoExecutions(store), MongoCounters(store), queued=1_000_000, stored_mb=10_000
        )
        intake = JobIntake(
            MongoExecutions(store),
            OneCrew(),
            Estimates(MongoCounters(store)),
            outbox,
            quotas,
            GivenFiles(memory_files()),
        )
        submission = Submission(intake)
        running = asyncio.create_task(build_worker(settings, backends, runner=talker).run(stop))
        accepted = await submission.submit(
            WORKSPACE, CREW, INPUTS, requested_by="bench", traceparent=""
        )
        print(accepted.job.job_id, flush=True)
        async for _ in fan_out_servers.commands():
            break
        talker.enough.set()
        await talker.ended.wait()
        stop.set()
        await running
    print(json.dumps({"events": talker.said + 2}))  # with its start and its end


if __name__ == "__main__":
    fan_out_servers.run(main())
