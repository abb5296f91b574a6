"""Fixtures for all tests: real backends (started when first used), tokens, a served app."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import pytest
import structlog

import common.backends
import common.storage.mongo
from common.bus import rabbitmq, rabbitmq_link, rabbitmq_queues
from common.door import store as door_store
from common.process import health
from common.security.tokens import TokenVerifier
from common.storage.mongo import Client
from common.telemetry import Telemetry
from devkit.bounded import accepted
from devkit.embedded_plans import EmbeddedPlans
from devkit.identity import LocalKeys, TokenMaker
from devkit.plans import Plans
from devkit.required import require
from devkit.serving import Served, serve
from devkit.work import Work
from kasal_platform.embedded.backends import InProcessBackends
from kasal_platform.embedded.sqlite import client as sqlite_client
from kasal_platform.local import finding


def pytest_configure() -> None:
    """Show log lines in pytest's captured output, with plain tracebacks: fast, and without locals.

    Services that tests start migrate their own databases, unless the test says otherwise. Hypothesis has no
    deadline for an example: it would measure the machine.
    """
    hypothesis.settings.register_profile("kasal", deadline=None)
    hypothesis.settings.load_profile("kasal")
    os.environ.setdefault("KASAL_MIGRATE_ON_START", "true")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )


_plans = Plans()
_work = Work()
_embedded_plans = EmbeddedPlans(_work.note)


def _make_watched_client(*args: Any, event_listeners: Any = (), **options: Any) -> Client:
    return Client(*args, event_listeners=[*event_listeners, _plans, _work], **options)


@pytest.fixture(autouse=True)
def _bounded_queries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test whose code sends a query that reads more as its collection grows."""
    monkeypatch.setattr(common.storage.mongo, "Client", _make_watched_client)
    _plans.unbounded.clear()
    with _embedded_plans.watching(monkeypatch):
        yield
    found = {
        place: query
        for place, query in _plans.unbounded.items()
        if not accepted(place, place.partition(":")[0], query.collection, query.by)
    }
    assert not found, "These queries read more as their collection grows."
    assert not _embedded_plans.faults, "SQLite reads these queries otherwise than MongoDB would."


@pytest.fixture
def work() -> Work:
    """Counts how much the code under test reads from its stores."""
    return _work


@pytest.fixture(scope="session")
def backends_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the programs that are started for the tests."""
    return tmp_path_factory.mktemp("backends")


@pytest.fixture(scope="session")
def redis_server(backends_folder: Path) -> Iterator[str]:
    """The URL of the Redis server. Tests use `redis_url`, which is emptied for each of them."""
    with require(finding.redis_url(backends_folder / "redis")) as url:
        yield url


@pytest.fixture(scope="session")
def amqp_server(backends_folder: Path) -> Iterator[str]:
    """The URL of the RabbitMQ server. Tests use `amqp_url`, which is emptied for each of them."""
    with require(finding.amqp_url(backends_folder / "rabbitmq")) as url:
        yield url


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no backend for away because the machine is slow."""
    monkeypatch.setattr(sqlite_client, "PATIENCE", 60.0)
    monkeypatch.setattr(common.backends, "REDIS_ANSWERS_WITHIN", 60.0)
    monkeypatch.setattr(common.storage.mongo, "_CLOSING", 60.0)
    for module in (door_store, health):
        monkeypatch.setattr(module, "_WITHIN", 60.0)
    for module in (rabbitmq, rabbitmq_link, rabbitmq_queues):
        monkeypatch.setattr(module, "ANSWER_WITHIN", 60.0)


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of a real, empty Redis."""
    from redis import Redis

    with Redis.from_url(redis_server) as client:
        client.flushdb()
    return redis_server


@pytest.fixture
async def amqp_url(amqp_server: str) -> str:
    """The URL of a real RabbitMQ with the platform's queues, all empty."""
    from devkit.broker import purge

    await purge(amqp_server)
    return amqp_server


@pytest.fixture
def backends() -> InProcessBackends:
    """The embedded backends of one test, for services with `memory://` URLs."""
    return InProcessBackends()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """Telemetry that records no spans; its `registry` holds the metrics."""
    made = Telemetry("test")
    yield made
    made.close()


@pytest.fixture(scope="session")
def signing_keys() -> LocalKeys:
    """The key pair of the tests, as a `KeySource`. The private key is `.private`."""
    return LocalKeys()


@pytest.fixture
def verifier(signing_keys: LocalKeys) -> TokenVerifier:
    """A verifier that accepts the tokens of `make_token`."""
    return TokenVerifier(signing_keys)


@pytest.fixture(scope="session")
def make_token(signing_keys: LocalKeys) -> TokenMaker:
    """`make_token(role=, workspace_id=, user_id=, kind=, session_id=, expires_in=)` → a JWT."""
    return TokenMaker(signing_keys)


@pytest.fixture(name="served")
def served_fixture() -> Callable[..., AbstractAsyncContextManager[Served]]:
    """`async with served(app) as running:` - see `devkit.serving.serve`."""
    return serve


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "unit" not in request.path.parts:
        return
    connect_unguarded = socket.socket.connect

    def refuse_network(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            _refuse(address)
        connect_unguarded(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse_network)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse_network)


def _refuse(address: Any) -> NoReturn:
    raise RuntimeError(f"A unit test has tried to connect to {address}; it must not.")
