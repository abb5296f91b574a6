"""What an approval costs: asked, stored, answered, claimed and executed; and beside how many waiting jobs.

The first part makes the round trip over the real store (SQLite) with the engine's journal, the api's answer and a
claim, in turn with the bare writes of the same bytes. The second answers and claims one job beside 10 jobs that wait
for a person, and beside many: 10,000, or as many as KASAL_BENCH_WAITING says. The third has a worker in a process of
its own look after so many jobs for a while, and reads its memory; they are in SecantusDB, as SQLite would keep pages
of its file in that process.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.harness.databases import BenchDatabase, bench_database
from bench.harness.processes import run_module
from bench.harness.report import Report
from bench.harness.worker import CREW, WORKSPACE, OneCrew
from common.contracts.crew import CrewSnapshot
from common.contracts.events import InputRequired, ProposedCall, ToolCall
from common.identity import Role
from common.ids import new_id
from common.logs import configure_logging
from common.storage.migrations import prepare
from common.storage.ports import Database
from common.times import utc_now
from executor.config import Settings
from executor.domain.api.control import Control
from executor.domain.log import moves
from executor.domain.log.appender import Appender
from executor.domain.log.events import CallKept, EventDraft, QuestionKept
from executor.domain.log.execution import Execution
from executor.domain.log.questions import Answer, question_of
from executor.domain.meters import NoMeters
from executor.store.documents import new_document
from executor.store.executions import MongoExecutions
from executor.store.migrations import SCHEMA
from executor.store.questions import rows_of
from executor.wiring import SERVICE
from kasal_platform.embedded.backends import InProcessBackends

_TRIPS = 40
"""Round trips of a measurement."""
_FEW, _MANY = 10, int(os.environ.get("KASAL_BENCH_WAITING", "10000"))
_LOOKING_AFTER = 30
"""Seconds for which a worker looks after jobs; it looks at all that is open every few seconds."""
_CALL = ProposedCall(tool="pay", arguments={"amount": 7, "to": "Ann"}, call=1, digest="d" * 64)


class _Nobody:
    """The bus, the outbox and the settlement: their cost is not a question's."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None

    async def publish_events(self, job: Execution, records: Any) -> None:
        return None


class _Jobs:
    """Makes jobs of one crew that ask, and answers them."""

    def __init__(self, database: Database, crew: CrewSnapshot) -> None:
        nobody: Any = _Nobody()
        self.store = MongoExecutions(database)
        self._crew = crew
        self._nobody = nobody
        self._control = Control(self.store, nobody, nobody)

    async def new_claimed_job(self) -> Execution:
        """Return a new job that a worker has claimed."""
        job = Execution(new_id("job"), WORKSPACE, CREW, utc_now(), snapshot=self._crew)
        await self.store.insert(job)
        return await self.claim(job)

    async def claim(self, job: Execution) -> Execution:
        step = moves.claim(job, "worker_bench", utc_now(), lost=False, limit=5)
        if not await self.store.apply(step):
            raise SystemExit(f"the job {job.job_id} could not be claimed")
        return step.after

    async def ask(self, job: Execution) -> Execution:
        """Have the job ask for an approval, and wait."""
        question = InputRequired(
            question_id=new_id("question"),
            kind="approval",
            task_id="task_0",
            agent="Researcher",
            prompt="May this call be made?",
            tool_call=_CALL,
        )
        kept = QuestionKept(call=1, scope="", turn=0, entry=0)
        return await self._append(job, EventDraft(question, kept))

    async def answer_and_claim(self, job: Execution) -> Execution:
        """Approve the only question of the job as the api does; claim it as a worker does."""
        await self._control.answer(
            WORKSPACE, job.job_id, Answer("approved"), by="usr_1", role=Role.OWNER, question_id=None
        )
        found = await self.store.find(job.job_id)
        if found is None:
            raise SystemExit(f"the job {job.job_id} is gone")
        return await self.claim(found)

    async def execute(self, job: Execution) -> Execution:
        """Write the call, as before it is made, and prove that the job is still this worker's."""
        call = ToolCall(task_id="task_0", agent="Researcher", action="pay", result="{}")
        return await self._append(
            job, EventDraft(call, CallKept(call=1, scope="", turn=0, entry=0))
        )

    async def _append(self, job: Execution, draft: EventDraft) -> Execution:
        journal = Appender(job, self.store, self._nobody, NoMeters())
        journal.append(draft)
        await journal.flush()
        journal.announcer.stop()
        return journal.job

    async def round_trip(self, job: Execution) -> None:
        await self.execute(await self.answer_and_claim(await self.ask(job)))


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory() as name, bench_database("sqlite", Path(name)) as held:
        async with _open_stores(held) as database:
            yield database


@asynccontextmanager
async def _open_stores(held: BenchDatabase) -> AsyncIterator[Database]:
    settings = Settings(
        mongo_url=held.url, amqp_url="memory://", service_secret="a-secret-of-the-bench"
    )
    opened = InProcessBackends().database(settings, SERVICE)
    await prepare(opened.database, SCHEMA, migrating=True)
    try:
        yield opened.database
    finally:
        await opened.close()


async def _bare_trip(database: Database, job: Execution) -> None:
    """Make the writes alone: the row, the question, the answer, the row's end, the claim, the call."""
    jobs, rows = database["executions"], database["questions"]
    await rows.insert_one({"_id": new_id("question"), "job_id": job.job_id, "shown": b"x" * 500})
    for size in (900, 350, 200, 300):
        entry = {"seq": size, "type": "event", "frame": b"x" * size}
        await jobs.update_one(
            {"_id": job.job_id}, {"$push": {"tail": entry}, "$set": {"seq": size}}
        )
    await rows.delete_one({"job_id": job.job_id, "_id": {"$gte": ""}})


async def _seconds_per_trip(database: Database, jobs: _Jobs, *, bare: bool) -> float:
    made = [await jobs.new_claimed_job() for _ in range(_TRIPS)]
    began = time.process_time()
    for job in made:
        await (_bare_trip(database, job) if bare else jobs.round_trip(job))
    return (time.process_time() - began) / _TRIPS


async def _fill(database: Database, jobs: _Jobs, count: int) -> None:
    """Store so many waiting jobs as one that really waits."""
    waiting = await jobs.ask(await jobs.new_claimed_job())
    (record,) = await jobs.store.records(waiting.job_id, waiting.seq - 1, 1)
    for first in range(0, count - 1, 500):
        upto = min(first + 500, count - 1)
        copies = [replace(waiting, job_id=new_id("job")) for _ in range(first, upto)]
        await database["executions"].insert_many([new_document(job) for job in copies])
        rows = [
            rows_of(
                job, [(record.seq, replace(question_of(record.entry()), question_id=job.job_id))]
            )
            for job in copies
        ]
        await database["questions"].insert_many([row for some in rows for row in some])


async def _seconds_per_claim(jobs: _Jobs) -> float:
    asked = [await jobs.ask(await jobs.new_claimed_job()) for _ in range(_TRIPS)]
    began = time.process_time()
    for job in asked:
        await jobs.answer_and_claim(job)
    return (time.process_time() - began) / _TRIPS


async def _measure(report: Report, rounds: int) -> None:
    crew = await OneCrew().snapshot(WORKSPACE, CREW)
    ours: list[float] = []
    bare: list[float] = []
    async with _database() as database:
        jobs = _Jobs(database, crew)
        for _ in range(rounds):
            ours.append(await _seconds_per_trip(database, jobs, bare=False))
            bare.append(await _seconds_per_trip(database, jobs, bare=True))
    report.row("an approval: asked, stored, answered, claimed, executed", "ms CPU", *_ms(ours))
    report.row("the bare writes of the same bytes", "ms CPU", *_ms(bare))
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    report.row("ratio", "", *ratios)
    await _measure_waiting(report, crew, rounds)
    await _measure_memory(report, crew, rounds)


async def _measure_waiting(report: Report, crew: CrewSnapshot, rounds: int) -> None:
    few: list[float] = []
    many: list[float] = []
    async with _database() as small, _database() as large:
        beside_few, beside_many = _Jobs(small, crew), _Jobs(large, crew)
        await _fill(small, beside_few, _FEW)
        await _fill(large, beside_many, _MANY)
        for _ in range(rounds):
            few.append(await _seconds_per_claim(beside_few))
            many.append(await _seconds_per_claim(beside_many))
    report.row(f"answered and claimed beside {_FEW} waiting jobs", "ms CPU", *_ms(few))
    report.row(f"answered and claimed beside {_MANY:,} waiting jobs", "ms CPU", *_ms(many))
    ratios = [one / other for one, other in zip(many, few, strict=True)]
    report.at_most(f"to claim one of {_MANY:,} waiting jobs, as of {_FEW}", 1.5, *ratios)


async def _measure_memory(report: Report, crew: CrewSnapshot, rounds: int) -> None:
    found: dict[int, list[float]] = {_FEW: [], _MANY: []}
    with ExitStack() as stack:
        urls = {}
        for count in found:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            held = stack.enter_context(bench_database("secantus", Path(folder)))
            async with _open_stores(held) as database:
                await _fill(database, _Jobs(database, crew), count)
            urls[count] = held.url
        for _ in range(rounds):
            taken = await asyncio.gather(*map(_worker_mb, urls.values()))
            for count, mb in zip(urls, taken, strict=True):
                found[count].append(mb)
    for count, measured in found.items():
        report.row(f"a worker beside {count:,} waiting jobs", "MB", *measured)
    ratios = [many / few for few, many in zip(found[_FEW], found[_MANY], strict=True)]
    report.at_most(f"memory of a worker beside {_MANY:,} waiting jobs, as of {_FEW}", 1.05, *ratios)


async def _worker_mb(url: str) -> float:
    told = await asyncio.to_thread(
        run_module, sys.executable, "bench.harness.idle_worker", url, str(_LOOKING_AFTER)
    )
    return float(told["mb"])


def _ms(seconds: list[float]) -> list[float]:
    return [one * 1_000 for one in seconds]


def run(rounds: int) -> Report:
    configure_logging("WARNING", "json")
    report = Report("approvals", "what an approval costs, and beside how many waiting jobs")
    asyncio.run(_measure(report, rounds))
    return report
