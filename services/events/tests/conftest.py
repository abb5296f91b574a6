"""Fixtures for events: the service between a fake platform and WebSocket clients."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from events_testkit.ends import Ends
from events_testkit.platform import SECRET, FakePlatform, event
from events_testkit.sockets import closed, drained, hear, hear_end, say, until
from events_testkit.world import World, Worlds

from common.telemetry import Telemetry
from devkit.identity import LocalKeys, TokenMaker
from devkit.serving import serve
from events.domain.token_lifetime import TokenLifetime
from kasal_platform.embedded.backends import InProcessBackends


@pytest.fixture
def platform(signing_keys: LocalKeys, make_token: TokenMaker) -> FakePlatform:
    return FakePlatform(signing_keys, make_token)


@pytest.fixture
def world_of(platform: FakePlatform, make_token: TokenMaker) -> Worlds:
    """`async with world_of(amqp_url=…, any_setting=…) as world:`"""

    @asynccontextmanager
    async def made(**settings: Any) -> AsyncIterator[World]:
        from events.config import Settings
        from events.wiring import build_app

        backends = InProcessBackends()
        async with AsyncExitStack() as stack:
            peers = await stack.enter_async_context(serve(platform.app))
            chosen = {
                "amqp_url": "memory://",
                "redis_url": "memory://",
                "auth_url": peers.url,
                "executor_url": peers.url,
                "service_secret": SECRET,
                **settings,
            }
            configured = Settings(**chosen)
            telemetry = Telemetry("publisher")
            stack.callback(telemetry.close)
            bus = backends.bus(configured, telemetry)
            await bus.start()
            stack.push_async_callback(bus.close)
            app = build_app(configured, backends)
            running = await stack.enter_async_context(serve(app))
            yield World(platform, running, bus, app, make_token())

    return made


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """Has tokens expire with `pass_time(seconds)`, and not by themselves."""
    ends = Ends()
    monkeypatch.setattr(TokenLifetime, "_timer_to_end", lambda lifetime: ends.add(lifetime))
    return ends


@pytest.fixture
async def world(world_of: Worlds) -> AsyncIterator[World]:
    async with world_of() as made:
        yield made


@pytest.fixture
def talk() -> SimpleNamespace:
    """The helpers `say(socket, **frame)`, `hear`, `hear_end`, `closed`, `drained`, `until`, `event`."""
    return SimpleNamespace(
        say=say,
        hear=hear,
        hear_end=hear_end,
        closed=closed,
        drained=drained,
        until=until,
        event=event,
    )
