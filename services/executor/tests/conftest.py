"""What the executor's tests share: a crew, a scripted runner, peers that answer, running workers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI

from common.backends import Backends
from common.contracts.crew import AgentSnapshot, CrewSnapshot, TaskSnapshot
from common.contracts.events import EventType
from common.contracts.messages import JobSubmitted
from common.ids import new_id
from common.settings import MongoSettings
from executor.config import Settings
from executor.domain.log.events import Draft
from executor.domain.log.journal import Job, Journal
from executor.process.worker import WorkerProcess
from executor.wiring import build_app, build_worker

Hook = Callable[[str], Awaitable[None]]


def _crew(crew_id: str = "crew_abc123", **changes: Any) -> CrewSnapshot:
    fields: dict[str, Any] = {
        "id": crew_id,
        "workspace_id": "ws_test",
        "name": "Customer Support Crew",
        "process": "sequential",
        "status": "active",
        "agents": [
            AgentSnapshot(id="agent_1", name="Ann", role="Ann", goal="help", model="offline")
        ],
        "tasks": [
            TaskSnapshot(
                id=f"task_{n}",
                description="Look at {topic}",
                expected_output="x",
                agent_id="agent_1",
            )
            for n in (1, 2, 3)
        ],
    }
    return CrewSnapshot(**{**fields, **changes})


@pytest.fixture
def make_crew() -> Callable[..., CrewSnapshot]:
    return _crew


class ScriptedRunner:
    """Runs each task as `task_start`, `llm_call`, `task_complete`; folds its history as engines do.

    `before_task` is awaited before each task's work, with the task's id.
    """

    def __init__(self, before_task: Hook | None = None) -> None:
        self.before_task = before_task
        self.started: list[tuple[str, int]] = []

    async def run(self, job: Job, journal: Journal) -> None:
        self.started.append((job.job_id, job.attempt))
        begun = {e.fields["task_id"] for e in job.history if e.type == EventType.TASK_START}
        done = {e.fields["task_id"] for e in job.history if e.type == EventType.TASK_COMPLETE}
        for task in job.snapshot.tasks:
            if task.id in done:
                continue
            if task.id not in begun:
                journal.append(Draft(EventType.TASK_START, {"task_id": task.id, "agent": "Ann"}))
            await journal.flush()
            if self.before_task is not None:
                await self.before_task(task.id)
            usage = {"requests": 1, "input_tokens": 10, "output_tokens": 5}
            call = {"task_id": task.id, "agent": "Ann", "action": "offline", "usage": usage}
            journal.append(
                Draft(EventType.LLM_CALL, call, private={"reply": "secret"}),
                Draft(
                    EventType.TASK_COMPLETE, {"task_id": task.id, "agent": "Ann", "result": "ok"}
                ),
            )
        journal.append(Draft(EventType.EXECUTION_COMPLETE, {"result": "all ok"}))


@pytest.fixture
def make_runner() -> type[ScriptedRunner]:
    return ScriptedRunner


class Peers:
    """Auth and crews in one small application. `crews` may be changed; `away` makes it answer 503."""

    def __init__(self) -> None:
        self.crews: dict[str, CrewSnapshot] = {"crew_abc123": _crew()}
        self.away = False
        self.asked = 0
        self.app = FastAPI()
        self.app.post("/internal/tokens/service")(self.token)
        self.app.get("/internal/crews/{crew_id}/snapshot")(self.snapshot)

    async def token(self) -> dict[str, Any]:
        return {"access_token": "t", "expires_in": 300}

    async def snapshot(self, crew_id: str) -> Any:
        from fastapi.responses import JSONResponse

        self.asked += 1
        if self.away:
            return JSONResponse({"error": {"code": "SERVICE_UNAVAILABLE", "message": "away"}}, 503)
        if crew_id not in self.crews:
            return JSONResponse({"error": {"code": "NOT_FOUND", "message": "No such crew."}}, 404)
        return self.crews[crew_id].model_dump(mode="json")


@pytest.fixture
async def peers(served: Any) -> AsyncIterator[Peers]:
    peers = Peers()
    async with served(peers.app) as running:
        peers.url = running.url
        yield peers


@pytest.fixture
def settings(mongo_settings: MongoSettings, peers: Any) -> Settings:
    return Settings(
        mongo_url=mongo_settings.mongo_url,
        mongo_database_prefix=mongo_settings.mongo_database_prefix,
        amqp_url="memory://",
        auth_url=peers.url,
        crews_url=peers.url,
        service_secret="s" * 32,
        lease_beat=0.1,
        lease_silence=0.6,
    )


@pytest.fixture
def submission() -> Callable[..., JobSubmitted]:
    def make(**changes: Any) -> JobSubmitted:
        fields: dict[str, Any] = {
            "job_id": new_id("job"),
            "workspace_id": "ws_test",
            "crew_id": "crew_abc123",
            "inputs": {"topic": "bees"},
        }
        return JobSubmitted(**{**fields, **changes})

    return make


class Workers:
    """Starts workers over the test's backends."""

    def __init__(self, settings: Settings, backends: Backends) -> None:
        self._settings = settings
        self._backends = backends
        self._running: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    async def start(self, runner: Any, **changes: Any) -> tuple[WorkerProcess, asyncio.Event]:
        settings = self._settings.model_copy(update=changes)
        process = build_worker(settings, self._backends, runner=runner)
        stop = asyncio.Event()
        self._running.append((stop, asyncio.create_task(process.run(stop))))
        return process, stop

    async def stopped(self, stop: asyncio.Event) -> None:
        """Stop that worker and wait until it has handed its jobs back."""
        stop.set()
        await next(task for event, task in self._running if event is stop)

    async def close(self) -> None:
        for stop, _ in self._running:
            stop.set()
        await asyncio.gather(*(task for _, task in self._running))


@pytest.fixture
async def workers(settings: Settings, backends: Backends) -> AsyncIterator[Workers]:
    workers = Workers(settings, backends)
    yield workers
    await workers.close()


@pytest.fixture
def executor_app(settings: Settings, backends: Backends, verifier: Any) -> FastAPI:
    app = build_app(settings, backends)
    app.state.verifier = verifier
    return app


@pytest.fixture
async def eventually() -> Callable[..., Awaitable[Any]]:
    """Wait until `ask()` returns something true, and return it."""

    async def wait(ask: Callable[[], Awaitable[Any]], within: float = 15.0) -> Any:
        async with asyncio.timeout(within):
            while not (found := await ask()):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.02)
            return found

    return wait
