"""Where the gateway is put together."""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from redis.asyncio import Redis
from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from common.backends import Backends
from common.bus import Bus
from common.client import ServiceClient, ServiceTokens
from common.contracts.uploads import longest_upload
from common.door.credentials import CredentialCheck
from common.door.doorkeeper import Doorkeeper
from common.door.messaging import follow_sessions
from common.door.peers import AuthPeer
from common.door.refusals import Refusals
from common.door.revocations import RevocationCopy
from common.logs import bind_service, get_logger
from common.process.background import Background
from common.process.starting import CannotStart
from common.process.watching import BackendWatch
from common.security.keys import RemoteKeys
from common.security.tokens import TokenVerifier
from common.telemetry import Telemetry
from gateway.config import Settings
from gateway.domain.admission import AdmissionControl
from gateway.domain.plans import KnownPlans
from gateway.peers.auth import AuthPlans
from gateway.peers.upstreams import ServiceUpstream
from gateway.routes.console import Console
from gateway.routes.console_files import ConsoleFile, read_console
from gateway.routes.documents import Documents
from gateway.routes.door import Door
from gateway.routes.forwarding import Forwarder
from gateway.routes.records import AccessLog, Records, is_pretty
from gateway.routes.use_cases import UseCases
from gateway.store.counters import RedisCounters

log = get_logger(__name__)


class Gateway:
    """The ASGI application: the door, and what is opened and closed around it."""

    def __init__(
        self, door: ASGIApp, lifespan: Callable[[], AbstractAsyncContextManager[None]]
    ) -> None:
        self._door = door
        self._lifespan = lifespan
        self.state = State()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._door(scope, receive, send)
            return
        bind_service("gateway")
        await receive()
        phase = "startup"
        try:
            async with self._lifespan():
                await send({"type": "lifespan.startup.complete"})
                phase = "shutdown"
                await receive()
        except Exception as fault:
            log.exception("the gateway failed", phase=phase)
            await send({"type": f"lifespan.{phase}.failed", "message": repr(fault)})
            return
        await send({"type": "lifespan.shutdown.complete"})


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the gateway consists of. Nothing is connected before its lifespan starts."""

    settings: Settings
    telemetry: Telemetry
    auth: ServiceClient
    redis: Redis
    bus: Bus
    counters: RedisCounters
    revocations: RevocationCopy
    upstreams: Mapping[str, ServiceUpstream]
    access_log: AccessLog
    admissions: AdmissionControl


def _parts(settings: Settings, backends: Backends) -> _Parts:
    telemetry = Telemetry("gateway", settings.otlp_endpoint)
    auth = ServiceClient("auth", settings.auth_url, settings.peer_timeout, telemetry)
    tokens = ServiceTokens(auth, "gateway", settings.service_secret.current)
    door_peer = AuthPeer(auth, tokens, settings.service_secret.current)
    redis = backends.redis(settings)
    counters = RedisCounters(redis, telemetry.meter)
    revocations = RevocationCopy(door_peer)
    counters.on_change = revocations.reload
    credentials = CredentialCheck(
        TokenVerifier(RemoteKeys(auth)), door_peer, Refusals(settings.refused_token_limit)
    )
    return _Parts(
        settings=settings,
        telemetry=telemetry,
        auth=auth,
        redis=redis,
        bus=backends.bus(settings, telemetry),
        counters=counters,
        revocations=revocations,
        upstreams=_upstreams(settings),
        access_log=AccessLog(pretty=is_pretty(settings.log_format)),
        admissions=AdmissionControl(
            Doorkeeper(credentials), KnownPlans(AuthPlans(auth, tokens)), revocations, counters
        ),
    )


def build_app(settings: Settings, backends: Backends) -> Gateway:
    """Return the gateway. Nothing is connected before its lifespan starts."""
    parts = _parts(settings, backends)
    use_cases = _use_cases(parts)
    app = Gateway(Door(settings, use_cases), partial(_running, parts, use_cases))
    app.state.telemetry = parts.telemetry
    return app


def _use_cases(parts: _Parts) -> UseCases:
    documents = Documents()
    return UseCases(
        admissions=parts.admissions,
        forwarder=Forwarder(
            parts.upstreams,
            parts.settings.max_body,
            documents.methods,
            longest_upload(parts.settings.max_file_mb),
        ),
        events=parts.upstreams["events"],
        documents=documents,
        console=Console(_console_files(parts.settings)),
        records=Records(parts.telemetry, parts.access_log),
        checks={
            "redis": parts.counters.ping,
            "bus": parts.bus.ping,
            **{name: upstream.ping for name, upstream in parts.upstreams.items()},
        },
    )


def _console_files(settings: Settings) -> Mapping[str, ConsoleFile]:
    if settings.console_dir is None:
        return {}
    try:
        return read_console(settings.console_dir)
    except CannotStart as fault:
        sys.exit(str(fault))


@asynccontextmanager
async def _running(parts: _Parts, use_cases: UseCases) -> AsyncIterator[None]:
    """Open the connections, keep the background work running, and close all of it."""
    async with AsyncExitStack() as closing:
        closing.callback(parts.telemetry.close)
        closing.push_async_callback(parts.redis.aclose)
        closing.push_async_callback(parts.auth.close)
        for upstream in parts.upstreams.values():
            upstream.open()
            closing.push_async_callback(upstream.close)
        await parts.bus.start()
        closing.push_async_callback(parts.bus.close)
        await follow_sessions(parts.bus, parts.revocations)
        background = await closing.enter_async_context(Background())
        background.keep(parts.counters.run, name="counters")
        background.keep(parts.revocations.keep_loaded, name="revocations")
        closing.callback(parts.access_log.flush)
        watch = BackendWatch(parts.telemetry, use_cases.checks)
        await closing.enter_async_context(watch.looking())
        yield


def _upstreams(settings: Settings) -> dict[str, ServiceUpstream]:
    # A stream or socket holds its connection for as long as it lasts: events has no limit.
    connections = dict.fromkeys(settings.service_urls, settings.upstream_connections) | {
        "events": 0
    }
    return {
        name: ServiceUpstream(name, url, settings.upstream_timeout, connections[name])
        for name, url in settings.service_urls.items()
    }
