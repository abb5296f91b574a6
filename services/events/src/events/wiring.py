"""Puts the events service together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from redis.asyncio import Redis

from common.backends import Backends
from common.bus import Bus
from common.client import ServiceClient, ServiceTokens
from common.door.credentials import CredentialCheck
from common.door.doorkeeper import Authenticator, Doorkeeper
from common.door.messaging import follow_sessions
from common.door.peers import AuthPeer
from common.door.refusals import Refusals
from common.door.revocations import RevocationCheck, RevocationCopy
from common.door.store import RedisRevocationReader
from common.process.background import Background
from common.security.keys import RemoteKeys
from common.security.tokens import TokenVerifier
from common.telemetry import Telemetry
from common.web.http import create_app
from events.config import Settings
from events.domain.connections import Connections
from events.domain.relay import Relay
from events.messaging.consumers import RENEW_EVERY, EventsSubscription
from events.peers.executions import ExecutorLog
from events.process.meters import OpenTelemetryRelayMeters
from events.routes.sinks import RawSend
from events.routes.socket import socket_routes
from events.routes.stream import stream_routes
from events.routes.use_cases import UseCases

SERVICE = "events"


@dataclass(frozen=True, slots=True)
class _Peers:
    auth: ServiceClient
    executor: ServiceClient
    tokens: ServiceTokens


def _peers(settings: Settings, telemetry: Telemetry) -> _Peers:
    auth = ServiceClient("auth", settings.auth_url, settings.peer_timeout, telemetry)
    executor = ServiceClient("executor", settings.executor_url, settings.peer_timeout, telemetry)
    return _Peers(auth, executor, ServiceTokens(auth, SERVICE, settings.service_secret.current))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the service consists of. Nothing is connected before its lifespan starts."""

    settings: Settings
    telemetry: Telemetry
    bus: Bus
    redis: Redis
    peers: _Peers
    queue: EventsSubscription
    relay: Relay
    revocations: RevocationCopy
    verifier: TokenVerifier
    use_cases: UseCases


def _parts(settings: Settings, backends: Backends) -> _Parts:
    telemetry = Telemetry(SERVICE, settings.otlp_endpoint)
    meters = OpenTelemetryRelayMeters(telemetry.meter)
    bus = backends.bus(settings, telemetry)
    redis = backends.redis(settings)
    peers = _peers(settings, telemetry)
    queue = EventsSubscription(bus, settings.relay_queue_length, telemetry)
    relay = Relay(ExecutorLog(peers.executor, peers.tokens), queue, queue, meters)
    door_peer = AuthPeer(peers.auth, peers.tokens, settings.service_secret.current)
    revocations = RevocationCopy(door_peer)
    verifier = TokenVerifier(RemoteKeys(peers.auth))
    credentials = CredentialCheck(verifier, door_peer, Refusals(settings.refused_token_limit))
    authenticator = Authenticator(
        Doorkeeper(credentials), RevocationCheck(revocations, RedisRevocationReader(redis))
    )
    connections = Connections(settings.socket_limit, settings.workspace_socket_limit, meters)
    revocations.on_change = lambda: connections.end_revoked(
        revocations.covers, revocations.leaves_key
    )
    use_cases = UseCases(settings, relay, authenticator, connections, meters)
    return _Parts(
        settings, telemetry, bus, redis, peers, queue, relay, revocations, verifier, use_cases
    )


def build_app(settings: Settings, backends: Backends) -> FastAPI:
    """Return the service's application; its connections open and close with its lifespan."""
    parts = _parts(settings, backends)

    async def answers() -> None:
        await parts.redis.ping()

    app = create_app(
        SERVICE,
        telemetry=parts.telemetry,
        routers=[stream_routes(parts.use_cases), socket_routes(parts.use_cases)],
        lifespan=lambda _: _running(parts),
        checks={"bus": parts.bus.ping, "redis": answers},
        needed=(),  # without the bus it looks at the store, without Redis at its own copy
        verifier=parts.verifier,
    )
    app.state.telemetry = parts.telemetry
    app.state.on_stop = [parts.use_cases.connections.end_all]
    app.add_middleware(RawSend)
    return app


@asynccontextmanager
async def _running(parts: _Parts) -> AsyncIterator[None]:
    """Open the connections, keep the background work running, and close all of it."""
    bus, relay, revocations = parts.bus, parts.relay, parts.revocations
    async with AsyncExitStack() as closing:
        closing.callback(parts.telemetry.close)
        closing.push_async_callback(parts.redis.aclose)
        closing.push_async_callback(parts.peers.auth.close)
        closing.push_async_callback(parts.peers.executor.close)
        await bus.start()
        closing.push_async_callback(bus.close)
        await parts.queue.open(relay)
        await follow_sessions(bus, revocations)
        bus.on_reconnect(relay.look_safely)
        bus.on_reconnect(relay.live_text.renew)
        closing.push_async_callback(relay.close)
        background = await closing.enter_async_context(Background())
        background.repeat(
            relay.look_safely, every=parts.settings.heads_seconds, name="heads", at_once=False
        )
        background.repeat(relay.live_text.renew, every=RENEW_EVERY, name="wishes", at_once=False)
        background.keep(revocations.keep_loaded, name="revocations")
        closing.callback(parts.use_cases.connections.end_all)
        yield
