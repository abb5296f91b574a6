"""Fixtures for crews: its rules over stores in memory, and the whole service over real backends."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from crews_testkit.service import CREW, Service
from crews_testkit.world import World

from common.backends import Backends
from common.security.tokens import TokenVerifier
from common.settings import MongoSettings
from common.telemetry import Telemetry
from crews.config import Settings
from crews.wiring import build_app
from devkit.identity import TokenMaker


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def crew_body() -> dict[str, Any]:
    """The API document's own crew."""
    return json.loads(json.dumps(CREW))


@pytest.fixture
def settings(store_settings: MongoSettings) -> Settings:
    return Settings(
        mongo_url=store_settings.mongo_url,
        mongo_database_prefix=store_settings.mongo_database_prefix,
        mongo_timeout_ms=store_settings.mongo_timeout_ms,
        amqp_url="memory://",
        service_secret="a secret of the tests",
        secret_key="another secret of the tests",
        batch_linger=0.005,
    )


@pytest.fixture
async def service(
    settings: Settings,
    backends: Backends,
    telemetry: Telemetry,
    verifier: TokenVerifier,
    make_token: TokenMaker,
    served: Any,
) -> AsyncIterator[Service]:
    app = build_app(settings, backends)
    app.state.verifier = verifier
    bus = backends.bus(settings, telemetry)
    async with served(app) as running:
        await bus.start()
        yield Service(running.http, make_token, app, bus)
        await bus.close()
