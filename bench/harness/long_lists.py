"""What fills the stores for `pages`: the services' own documents, written by their own code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bench.harness.worker import CREW, WORKSPACE, OneCrew
from bench.harness.workload import ANSWER, PARTS
from common.backends import IN_FILES
from common.contracts.events import ExecutionComplete, ExecutionStatus, ToolResult
from common.ids import new_id
from common.settings import BusSettings, MongoSettings
from common.storage.migrations import migrate
from common.storage.mongo import connect
from common.storage.ports import Database
from common.telemetry import Telemetry
from common.times import utc_now
from crews.domain.composition import new_crew
from crews.domain.crew import Crew
from crews.domain.drafts import CrewDraft
from crews.store.documents import crew_document
from crews.store.migrations import SCHEMA as CREWS_SCHEMA
from crews.store.totals import MongoTotals
from executor.domain.ending.settlement import Settlement
from executor.domain.log import moves
from executor.domain.log.appender import Appender
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution
from executor.domain.meters import NoMeters
from executor.messaging.publishers import BusAnnouncements
from executor.store.counters import MongoCounters
from executor.store.documents import new_document
from executor.store.executions import MongoExecutions
from executor.store.migrations import SCHEMA as EXECUTOR_SCHEMA
from kasal_platform.embedded.backends import InProcessBackends

__all__ = [
    "CREW",
    "RARE",
    "RARE_CREW",
    "WORKSPACE",
    "crews",
    "database",
    "databases_to_drop",
    "jobs",
    "traces",
]

RARE, RARE_CREW = 3, "crew_rare"
"""So many jobs have failed, and so many are of a crew of their own; all of them are the oldest."""

_AT_ONCE = 500
_SCHEMAS = {"executor": EXECUTOR_SCHEMA, "crews": CREWS_SCHEMA}


@asynccontextmanager
async def database(settings: MongoSettings, service: str) -> AsyncIterator[Database]:
    """Give the database of a service, with its indexes. Of files, no other process may have them open."""
    opened = InProcessBackends().database(settings, service)
    try:
        await migrate(opened.database, _SCHEMAS[service], lambda _: None)
        yield opened.database
    finally:
        await opened.close()


@asynccontextmanager
async def databases_to_drop(settings: MongoSettings) -> AsyncIterator[None]:
    """Drop the databases at the end of the block, because a given MongoDB belongs to somebody."""
    try:
        yield
    finally:
        if not settings.mongo_url.startswith(IN_FILES):
            async with connect(settings) as client:
                for service in _SCHEMAS:
                    await client.drop_database(settings.mongo_database_prefix + service)


async def traces(settings: MongoSettings, events: int) -> str:
    """Store an ended job with this many events, as a worker writes it; return its id."""
    bus = InProcessBackends().bus(BusSettings(amqp_url="memory://"), Telemetry("bench"))
    await bus.start()
    async with database(settings, "executor") as store:
        executions, announcements = MongoExecutions(store), BusAnnouncements(bus)
        job = Execution(
            job_id=new_id("job"),
            workspace_id=WORKSPACE,
            crew_id=CREW,
            created_at=utc_now(),
            snapshot=await OneCrew().snapshot(WORKSPACE, CREW),
        )
        await executions.insert(job)
        claimed = moves.claim(job, "worker_bench", utc_now(), lost=False, limit=5)
        await executions.apply(claimed)
        journal = Appender(claimed.after, executions, announcements, NoMeters())
        await _write(journal, events - 2)  # besides the claim's event, and the last one
        await Settlement(executions, MongoCounters(store), announcements).settle([journal.job])
    await bus.close()
    return job.job_id


async def jobs(settings: MongoSettings, count: int) -> None:
    """Store this many ended jobs, a second apart."""
    now = utc_now()
    async with database(settings, "executor") as store:
        for first in range(0, count, _AT_ONCE):
            rows = []
            for number in range(first, min(first + _AT_ONCE, count)):
                rare = number < RARE
                status = ExecutionStatus.FAILED if rare else ExecutionStatus.COMPLETED
                made = now - timedelta(seconds=count - number)
                crew = RARE_CREW if rare else CREW
                row = new_document(Execution(new_id("job"), WORKSPACE, crew, made, status))
                del row["open"]
                rows.append(row)
            await store["executions"].insert_many(rows)


async def _write(journal: Appender, events: int) -> None:
    result = ToolResult(task_id="task_0", agent=PARTS[0].role, action="web_search", result=ANSWER)
    for first in range(0, events, _AT_ONCE):
        many = min(_AT_ONCE, events - first)
        journal.append(*(EventDraft(result) for _ in range(many)))
        await journal.flush()
    journal.append(EventDraft(ExecutionComplete(result=ANSWER)))
    await journal.flush()
    if not await journal.announcer.drained(30):
        raise SystemExit("the events were not published")


async def crews(settings: MongoSettings, count: int) -> None:
    """Store this many crews, every second one active."""
    patterns = _crew(active=False), _crew(active=True)
    async with database(settings, "crews") as store:
        totals = MongoTotals(store)
        wanted = {"crews": count, "agents": count, "tasks": count // 2}
        announced = await totals.announce(WORKSPACE, wanted)
        for first in range(1, count + 1, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, count + 1))
            rows = [crew_document(_copy(patterns[number % 2 == 0], number)) for number in numbers]
            await store["crews"].insert_many(rows)
        # Counted twice, a change makes the totals be counted anew: so they are, all at once.
        await totals.count(announced, None, None)
        await totals.count(announced, None, None)
        counts = (await totals.of(WORKSPACE)).counts
        if counts["active"] + counts["configuring"] != count:
            raise SystemExit(f"there are {counts}, not {count} crews")


def _crew(*, active: bool) -> Crew:
    part = PARTS[0]
    agent = {"role": part.role, "goal": part.goal, "backstory": part.backstory, "model": "gpt-4"}
    task = {"description": part.description, "expected_output": part.expected_output}
    draft = {
        "name": "Report crew",
        "process": "sequential",
        "agents": [agent],
        "tasks": [{**task, "agent": part.role}] if active else [],
    }
    return new_crew(CrewDraft.model_validate(draft), WORKSPACE, utc_now())


def _copy(pattern: Crew, number: int) -> Crew:
    """Return a copy of the crew, numbered as the store would number it."""
    (agent,) = pattern.agents
    mine = agent.model_copy(update={"id": new_id("agent"), "number": number})
    tasks = tuple(
        task.model_copy(update={"id": new_id("task"), "agent_id": mine.id, "number": number // 2})
        for task in pattern.tasks
    )
    changes = {
        "id": new_id("crew"),
        "name": f"{pattern.name} {number}",
        "agents": (mine,),
        "tasks": tasks,
        "number": number,
    }
    return pattern.model_copy(update=changes)
