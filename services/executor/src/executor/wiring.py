"""Puts the executor's two processes together: `api` and `worker`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from math import ceil

from fastapi import FastAPI

from common.backends import Backends
from common.bus import Bus
from common.client import ServiceClient, ServiceTokens
from common.contracts.uploads import FILES, MB, longest_upload
from common.idempotency.keys import IdempotencyKeys
from common.idempotency.receipts import sweeping
from common.ids import new_id
from common.process.background import Background
from common.process.health import Check
from common.process.reaching import wait_for_backend
from common.process.watching import BackendWatch
from common.security.keys import RemoteKeys
from common.security.tokens import TokenVerifier
from common.storage.blobs import Blobs
from common.storage.migrations import prepare, run
from common.storage.ports import Database, OpenDatabase
from common.telemetry import Telemetry
from common.times import utc_now
from common.web.http import create_app
from executor.config import Settings
from executor.domain.api.budgeting import Budgeting
from executor.domain.api.calls import Calls
from executor.domain.api.census import EVERY, CensusTaker
from executor.domain.api.control import Control
from executor.domain.api.estimates import Estimates
from executor.domain.api.forks.forking import Forking
from executor.domain.api.inbox import Inbox
from executor.domain.api.intake import JobIntake
from executor.domain.api.quotas import Quotas
from executor.domain.api.reading import Reading
from executor.domain.api.submission import Submission
from executor.domain.api.usage import UsageTables
from executor.domain.budgets.audit import BudgetAudit
from executor.domain.budgets.ledger import Ledger
from executor.domain.ending.expiry import Expiry
from executor.domain.ending.settlement import Settlement
from executor.domain.files.file import NewFile, clean_name
from executor.domain.files.files import SWEPT_EVERY, FileLimits, WorkspaceFiles
from executor.domain.files.given import GivenFiles
from executor.domain.log.journal import CrewRunner
from executor.domain.log.outbox import Outbox
from executor.domain.worker.intake import Intake
from executor.domain.worker.job_run import RunServices
from executor.domain.worker.runs import Runs
from executor.domain.worker.wishes import Wishes
from executor.domain.worker.worker import Worker
from executor.messaging.consumers import WorkerConsumers
from executor.messaging.deltas import BusDeltas
from executor.messaging.publishers import BusAnnouncements, BusMemory
from executor.messaging.queues import BusQueues
from executor.peers.crews import CrewsOverHttp
from executor.process.late_engine import LateEngine
from executor.process.meters import OpenTelemetryMeters
from executor.process.model_desk import ModelDesk
from executor.process.worker import WorkerProcess
from executor.routes import analytics, budgets, calls, executions, internal, models, questions
from executor.routes import files as files_routes
from executor.routes.use_cases import ExecutorUseCases
from executor.store.budgets import MongoBudgets
from executor.store.counters import MongoCounters
from executor.store.executions import MongoExecutions
from executor.store.file_accounts import MongoFileAccounts
from executor.store.files import MongoFileRecords
from executor.store.lists import MongoExecutionLists
from executor.store.migrations import SCHEMA
from executor.store.questions import MongoQuestions
from executor.store.workers import MongoLeases

SERVICE = "executor"

_NEEDED = frozenset({"mongo"})
"""The bus is not needed: without it the api accepts jobs, and workers find them in the store."""
_ROUTERS = (
    executions.router,
    calls.router,
    files_routes.artifacts,
    questions.router,
    budgets.router,
    files_routes.router,
    models.router,
    analytics.router,
    internal.router,
)
_BUS_WITHIN = 2.0
"""Seconds that the api waits for the bus at its start."""


@dataclass(frozen=True, slots=True)
class _Connections:
    """The connections of either process."""

    opened: OpenDatabase
    bus: Bus
    auth: ServiceClient
    crews_client: ServiceClient
    crews: CrewsOverHttp
    telemetry: Telemetry
    also: AsyncExitStack = field(default_factory=AsyncExitStack)
    """What is closed with them."""

    @property
    def database(self) -> Database:
        return self.opened.database

    def checks(self) -> dict[str, Check]:
        return {"mongo": self.opened.check, "bus": self.bus.ping}

    async def prepare(self, settings: Settings) -> None:
        await prepare(self.database, SCHEMA, migrating=settings.migrate_on_start)

    async def close(self) -> None:
        await self.also.aclose()
        await self.crews_client.close()
        await self.auth.close()
        await self.opened.close()
        self.telemetry.close()


def _connections(settings: Settings, backends: Backends, process: str) -> _Connections:
    telemetry = Telemetry(SERVICE, settings.otlp_endpoint, process=process)
    auth = ServiceClient("auth", settings.auth_url, settings.peer_timeout, telemetry)
    crews = ServiceClient("crews", settings.crews_url, settings.peer_timeout, telemetry)
    tokens = ServiceTokens(auth, SERVICE, settings.service_secret.current)
    return _Connections(
        opened=backends.database(settings, SERVICE, telemetry),
        bus=backends.bus(settings, telemetry),
        auth=auth,
        crews_client=crews,
        crews=CrewsOverHttp(crews, tokens),
        telemetry=telemetry,
    )


def migrate() -> None:
    """Run the verb `migrate`: migrate this service's database to the schema of this code."""
    run(SCHEMA)


def build_app(settings: Settings, backends: Backends) -> FastAPI:
    """Return the application of the process `api`."""
    held = _connections(settings, backends, "api")
    store, counters = MongoExecutions(held.database), MongoCounters(held.database)
    announcements = BusAnnouncements(held.bus)
    outbox, settlement = Outbox(announcements), Settlement(store, counters, announcements)
    budgeting = Budgeting(MongoBudgets(held.database), counters, held.crews)
    meters = OpenTelemetryMeters(held.telemetry)
    meters.observe_outbox(settlement.outbox_size)
    census = CensusTaker(store, MongoLeases(held.database), BusQueues(held.bus), meters)
    files = _files(settings, held)
    quotas, estimates = _quotas(settings, store, counters), Estimates(counters)
    given, most = GivenFiles(files), settings.for_each_limit
    intake = JobIntake(store, held.crews, estimates, outbox, quotas, given, budgeting, most)
    app = create_app(
        SERVICE,
        telemetry=held.telemetry,
        routers=_ROUTERS,
        lifespan=lambda _: _api_running(settings, held, store, files, settlement, outbox, census),
        checks=held.checks(),
        needed=_NEEDED,
        verifier=TokenVerifier(RemoteKeys(held.auth)),
        uploads={FILES: longest_upload(settings.max_file_mb)},
    )
    app.state.telemetry, app.state.bus = held.telemetry, held.bus
    app.state.use_cases = ExecutorUseCases(
        Submission(intake),
        Forking(intake),
        Control(store, outbox, settlement, meters),
        Reading(store, MongoExecutionLists(held.database), counters),
        Inbox(MongoQuestions(held.database)),
        Calls(store),
        files,
        budgeting,
        UsageTables(counters, MongoExecutionLists(held.database)),
        IdempotencyKeys(),
        _model_desk(settings, held),
    )
    return app


def _quotas(settings: Settings, store: MongoExecutions, counters: MongoCounters) -> Quotas:
    stored_mb = settings.workspace_storage_mb
    return Quotas(store, counters, queued=settings.queue_limit, stored_mb=stored_mb)


def _model_desk(settings: Settings, held: _Connections) -> ModelDesk:
    desk = ModelDesk(settings, held.crews)
    held.also.push_async_callback(desk.close)
    return desk


@asynccontextmanager
async def _api_running(
    settings: Settings,
    held: _Connections,
    store: MongoExecutions,
    files: WorkspaceFiles,
    settlement: Settlement,
    outbox: Outbox,
    census: CensusTaker,
) -> AsyncIterator[None]:
    """Connect, and do the api's work in the background, until the end of the block."""
    async with AsyncExitStack() as opened:
        opened.push_async_callback(held.close)
        opened.push_async_callback(files.close)
        await wait_for_backend("mongo", lambda: held.prepare(settings))
        await opened.enter_async_context(sweeping(store, files.receipts))
        opened.push_async_callback(held.bus.close)
        await opened.enter_async_context(_bus_running(held.bus))
        settlement.start()
        opened.push_async_callback(settlement.stop)
        opened.push_async_callback(outbox.close)
        background = await opened.enter_async_context(Background())
        background.repeat(census.report, every=EVERY, name="census")
        background.repeat(files.sweep, every=SWEPT_EVERY, name="sweep files")
        yield


@asynccontextmanager
async def _bus_running(bus: Bus) -> AsyncIterator[None]:
    """Start `bus`, but do not wait long for the broker: jobs are accepted either way."""
    starting = asyncio.create_task(bus.start(), name="start bus")
    await asyncio.wait({starting}, timeout=_BUS_WITHIN)
    try:
        yield
    finally:
        starting.cancel()
        await asyncio.wait({starting})


def build_worker(
    settings: Settings,
    backends: Backends,
    *,
    eager: bool = False,
    alone: bool = False,
    runner: CrewRunner | None = None,
) -> WorkerProcess:
    """Return the process `worker`; call its `run`. `runner` replaces the engine.

    An `eager` one makes the engine before it takes jobs. Any other does so after that if it takes seconds,
    and else for its first job. Beside one that is `alone`, none is alive.
    """
    held = _connections(settings, backends, "worker")
    meters = OpenTelemetryMeters(held.telemetry)
    memory = BusMemory(held.bus)
    wishes = Wishes()
    ledger = Ledger(MongoBudgets(held.database), patience=settings.store_patience)
    late = _late_engine(settings, held, memory, meters, wishes, ledger)
    engine = late if runner is None else _GivenRunner(runner)
    worker = _worker(settings, held, meters, engine.get, alone=alone)

    return WorkerProcess(
        worker=worker,
        bus=held.bus,
        consumers=WorkerConsumers(held.bus, worker, wishes, engine.forget),
        memory=memory,
        telemetry=held.telemetry,
        checks=held.checks(),
        watch=BackendWatch(held.telemetry, held.checks()),
        needed=_NEEDED,
        prepare=lambda: held.prepare(settings),
        warm_up=engine.warm_up if eager or engine.is_slow else None,
        close=lambda: _close(ledger, engine, held),
        eager=eager,
        drain_seconds=settings.drain_seconds,
        audit=_audit(held),
    )


async def _close(ledger: Ledger, engine: "LateEngine | _GivenRunner", held: _Connections) -> None:
    await ledger.close(0.5)
    await engine.close()
    await held.close()


def _audit(held: _Connections) -> Callable[[], Awaitable[None]]:
    audit = BudgetAudit(MongoBudgets(held.database), MongoExecutions(held.database))
    return lambda: audit.look(utc_now())


def _late_engine(
    settings: Settings,
    held: _Connections,
    memory: BusMemory,
    meters: OpenTelemetryMeters,
    wishes: Wishes,
    ledger: Ledger,
) -> LateEngine:
    deltas = BusDeltas(held.bus, wishes)
    files, tracer = _files(settings, held), held.telemetry.tracer
    return LateEngine(settings, held.crews, memory, files, tracer, meters, deltas, ledger)


Keeping = Callable[[str, str, str, AsyncIterator[bytes]], Awaitable[object]]
"""Keeps a file: its id, its workspace, its name and its content."""


def keeping_files(database: Database) -> Keeping:
    """Return what keeps files in `database` for an operator, without limits."""
    accounts = MongoFileAccounts(database, most_bytes=0, most_files=0)
    limits = FileLimits(1_000_000, 0, 0)
    files = WorkspaceFiles(MongoFileRecords(database), Blobs(database), accounts, limits)

    async def keep(
        file_id: str, workspace_id: str, name: str, source: AsyncIterator[bytes]
    ) -> None:
        new = NewFile(file_id, workspace_id, clean_name(name), utc_now(), "import")
        await files.put(new, source)

    return keep


def _files(settings: Settings, held: _Connections) -> WorkspaceFiles:
    limits = FileLimits(settings.max_file_mb, settings.workspace_files_mb, settings.workspace_files)
    most = limits.total_mb * MB
    accounts = MongoFileAccounts(held.database, most_bytes=most, most_files=limits.count)
    return WorkspaceFiles(MongoFileRecords(held.database), Blobs(held.database), accounts, limits)


@dataclass(frozen=True, slots=True)
class _GivenRunner:
    """Stands in for the engine: `runner` is ready at once and holds no connections."""

    runner: CrewRunner

    is_slow = False

    async def get(self) -> CrewRunner:
        return self.runner

    def warm_up(self) -> None:
        pass

    def forget(self, workspace_id: str) -> None:
        pass

    async def close(self) -> None:
        pass


def _worker(
    settings: Settings,
    held: _Connections,
    meters: OpenTelemetryMeters,
    runner: Callable[[], Awaitable[CrewRunner]],
    *,
    alone: bool,
) -> Worker:
    worker_id, store = new_id("worker"), MongoExecutions(held.database)
    bus = BusAnnouncements(held.bus)
    settlement = Settlement(store, MongoCounters(held.database), bus)
    tracer, patience = held.telemetry.tracer, settings.store_patience
    services = RunServices(store, bus, settlement, runner, tracer, meters, patience)
    reserve = ceil(settings.worker_slots * settings.worker_reserve)
    runs = Runs(services, settings.worker_slots, reserve)
    expiry = Expiry(MongoQuestions(held.database), store, settlement, bus, meters)
    meters.observe_slots(settings.worker_slots)
    meters.observe_outbox(runs.outbox_size, settlement.outbox_size)
    return Worker(
        worker_id,
        store,
        MongoLeases(held.database),
        Intake(worker_id, store, held.crews, settlement, settings.max_lost_claims, meters),
        runs,
        settlement,
        expiry,
        meters,
        settings.lease_beat,
        settings.lease_silence,
        alone=alone,
    )
