"""Fixtures for the gateway: it runs between a client and four small services."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from gateway_testkit.auth import AuthService
from gateway_testkit.door import SECRET, Door, listening
from gateway_testkit.services import Service
from gateway_testkit.surroundings import Surroundings

from common.web.server import bind_tcp
from devkit.identity import LocalKeys, TokenMaker
from gateway.config import Settings
from gateway.wiring import build_app


@pytest.fixture(autouse=True)
def _patient_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no Redis for away because the machine is slow."""
    monkeypatch.setattr("gateway.store.counters._TIMEOUT", 60.0)


@pytest.fixture(name="listening")
def listening_fixture() -> Callable[[Any], AbstractAsyncContextManager[str]]:
    """`async with listening(app) as url:` serves an application."""
    return listening


@pytest.fixture
async def behind(signing_keys: LocalKeys, make_token: TokenMaker) -> AsyncIterator[Surroundings]:
    """The four services, listening."""
    made = Surroundings(
        AuthService(signing_keys, make_token),
        Service("crews"),
        Service("executor"),
        Service("events"),
    )
    by_port = {}
    sockets = [bind_tcp("127.0.0.1", 0) for _ in made]
    for service, bound in zip(made, sockets, strict=True):
        port = bound.getsockname()[1]
        by_port[port] = service
        service.url = f"http://127.0.0.1:{port}"

    async def app(scope, receive, send) -> None:
        service = made.auth if scope["type"] == "lifespan" else by_port[scope["server"][1]]
        await service(scope, receive, send)

    async with listening(app, *sockets):
        yield made


@pytest.fixture
def gateway(
    behind: Surroundings,
) -> Callable[..., AbstractAsyncContextManager[Door]]:
    """`async with gateway(maintenance=True) as door:` - a gateway with these settings."""

    @asynccontextmanager
    async def started(**given: Any) -> AsyncIterator[Door]:
        settings = Settings(
            **{
                "amqp_url": "memory://",
                "redis_url": "memory://",
                "service_secret": SECRET,
                "auth_url": behind.auth.url,
                "crews_url": behind.crews.url,
                "executor_url": behind.executor.url,
                "events_url": behind.events.url,
                **given,
            }
        )
        app = build_app(settings, behind.backends)
        async with listening(app) as url, aiohttp.ClientSession(base_url=url) as session:
            yield Door(session, url, app)

    return started


@pytest.fixture
def bearer(make_token: TokenMaker) -> Callable[..., dict[str, str]]:
    """`bearer(workspace_id=...)` - the header of a caller."""
    return lambda **claims: {"Authorization": f"Bearer {make_token(**claims)}"}
