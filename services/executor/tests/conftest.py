"""Fixtures for the executor: crews, a scripted engine, peers that answer, running workers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from executor_testkit.crews import Peers, crew_snapshot
from executor_testkit.runners import ScriptedRunner
from executor_testkit.workers import Workers
from fastapi import FastAPI

from common.backends import Backends
from common.contracts.crew import CrewSnapshot
from common.contracts.messages import JobSubmitted
from common.ids import new_id
from common.settings import MongoSettings
from executor.config import Settings
from executor.wiring import build_app


@pytest.fixture
def make_crew() -> Callable[..., CrewSnapshot]:
    return crew_snapshot


@pytest.fixture
def make_runner() -> type[ScriptedRunner]:
    return ScriptedRunner


@pytest.fixture
async def peers(served: Any) -> AsyncIterator[Peers]:
    peers = Peers()
    async with served(peers.app) as running:
        peers.url = running.url
        yield peers


@pytest.fixture
def settings(store_settings: MongoSettings, peers: Any) -> Settings:
    return Settings(
        mongo_url=store_settings.mongo_url,
        mongo_database_prefix=store_settings.mongo_database_prefix,
        mongo_timeout_ms=store_settings.mongo_timeout_ms,
        amqp_url="memory://",
        auth_url=peers.url,
        crews_url=peers.url,
        service_secret="s" * 32,
        lease_beat=0.1,
        lease_silence=30.0,  # none dies because the machine is slow
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

    async def wait(ask: Callable[[], Awaitable[Any]], within: float = 120.0) -> Any:
        async with asyncio.timeout(within):
            while not (found := await ask()):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.02)
            return found

    return wait
