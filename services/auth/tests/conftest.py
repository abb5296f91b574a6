"""Fixtures for auth: its rules over doubles, and the whole service over real backends."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from auth_testkit.client import Client, Start
from auth_testkit.world import SANDBOX_TOKEN, SERVICE_SECRET, World
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from auth.config import Settings
from auth.store import failures, revocations
from auth.wiring import build_app
from common.backends import Backends
from common.identity import ROLES, Role
from common.settings import MongoSettings
from devkit.serving import serve


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def make_world() -> Callable[[], World]:
    """Worlds for tests that need a new one for each of many cases."""
    return World


@pytest.fixture(scope="session")
def roles() -> dict[str, Role]:
    return ROLES


@pytest.fixture(autouse=True)
def _patient_with_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no Redis for away because the machine is slow."""
    for module in (failures, revocations):
        monkeypatch.setattr(module, "_WITHIN", 60.0)


@pytest.fixture
def _light_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in a fraction of the time that each takes in earnest; `test_passwords.py` does not."""
    light = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr("auth.store.passwords.PasswordHash.recommended", lambda: light)


@pytest.fixture
def start(
    store_settings: MongoSettings,
    backends: Backends,
    redis_url: str,
    amqp_url: str,
    _light_hashes: None,
) -> Start:
    """`async with start(registration=False) as client:` serves auth over real backends."""

    @asynccontextmanager
    async def starting(**given: Any) -> AsyncIterator[Client]:
        settings = Settings(
            **{
                "mongo_url": store_settings.mongo_url,
                "mongo_database_prefix": store_settings.mongo_database_prefix,
                "mongo_timeout_ms": store_settings.mongo_timeout_ms,
                "redis_url": redis_url,
                "amqp_url": amqp_url,
                "service_secret": SERVICE_SECRET,
                "secret_key": "what the keys are sealed with",
                "sandbox_token": SANDBOX_TOKEN,
                "plan_changes": True,
                **given,
            }
        )
        async with serve(build_app(settings, backends)) as running:
            mongo = {name: getattr(settings, name) for name in MongoSettings.model_fields}
            yield Client(running, mongo)

    return starting


@pytest.fixture
async def client(start: Start) -> AsyncIterator[Client]:
    """Auth, served over real backends."""
    async with contextlib.AsyncExitStack() as stack:
        yield await stack.enter_async_context(start())
