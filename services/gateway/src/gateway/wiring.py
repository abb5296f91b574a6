"""Where the gateway is put together."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from common.backends import Backends
from common.client import ServiceClient, ServiceTokens
from common.door.credentials import CredentialCheck
from common.door.doorkeeper import Doorkeeper
from common.door.messaging import follow_sessions
from common.door.peers import AuthPeer
from common.door.refusals import Refusals
from common.door.revocations import RevocationCopy
from common.logs import bind_service, get_logger
from common.process.background import Background
from common.process.watching import BackendWatch
from common.security.keys import RemoteKeys
from common.security.tokens import TokenVerifier
from common.telemetry import Telemetry
from gateway.config import Settings
from gateway.domain.admission import AdmissionControl
from gateway.domain.plans import KnownPlans
from gateway.peers.auth import AuthPlans
from gateway.peers.upstreams import ServiceUpstream
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


def build_app(settings: Settings, backends: Backends) -> Gateway:
    """Return the gateway. Nothing is connected before its lifespan starts."""
    telemetry = Telemetry("gateway", settings.otlp_endpoint)
    auth = ServiceClient("auth", settings.auth_url, settings.peer_timeout, telemetry)
    tokens = ServiceTokens(auth, "gateway", settings.service_secret.current)
    door_peer = AuthPeer(auth, tokens, settings.service_secret.current)
    redis = backends.redis(settings)
    bus = backends.bus(settings, telemetry)
    counters = RedisCounters(redis, telemetry.meter)
    revocations = RevocationCopy(door_peer)
    counters.on_change = revocations.reload
    credentials = CredentialCheck(
        TokenVerifier(RemoteKeys(auth)), door_peer, Refusals(settings.refused_token_limit)
    )
    upstreams = _upstreams(settings)
    documents = Documents()
    access_log = AccessLog(pretty=is_pretty(settings.log_format))
    use_cases = UseCases(
        admissions=AdmissionControl(
            Doorkeeper(credentials), KnownPlans(AuthPlans(auth, tokens)), revocations, counters
        ),
        forwarder=Forwarder(upstreams, settings.max_body, documents.methods),
        events=upstreams["events"],
        documents=documents,
        records=Records(telemetry, access_log),
        checks={
            "redis": counters.ping,
            "bus": bus.ping,
            **{name: upstream.ping for name, upstream in upstreams.items()},
        },
    )

    watch = BackendWatch(telemetry, use_cases.checks)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(telemetry.close)
            stack.push_async_callback(redis.aclose)
            stack.push_async_callback(auth.close)
            for upstream in upstreams.values():
                upstream.open()
                stack.push_async_callback(upstream.close)
            await bus.start()
            stack.push_async_callback(bus.close)
            await follow_sessions(bus, revocations)
            background = await stack.enter_async_context(Background())
            background.keep(counters.run, name="counters")
            background.keep(revocations.keep_loaded, name="revocations")
            stack.callback(access_log.flush)
            await stack.enter_async_context(watch.looking())
            yield

    app = Gateway(Door(settings, use_cases), lifespan)
    app.state.telemetry = telemetry
    return app


def _upstreams(settings: Settings) -> dict[str, ServiceUpstream]:
    # A stream or socket holds its connection for as long as it lasts: events has no limit.
    connections = dict.fromkeys(settings.service_urls, settings.upstream_connections) | {
        "events": 0
    }
    return {
        name: ServiceUpstream(name, url, settings.upstream_timeout, connections[name])
        for name, url in settings.service_urls.items()
    }
