"""Puts the events service together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from common.backends import Backends
from common.client import ServiceClient, ServiceTokens
from common.http import create_app
from common.keys import RemoteKeys
from common.telemetry import Telemetry
from common.tokens import TokenVerifier
from events.config import Settings
from events.domain.connections import Connections
from events.domain.credentials import Authenticator
from events.domain.meters import Meters
from events.domain.refusals import Refusals
from events.domain.relay import Relay
from events.domain.revocations import Revocations
from events.messaging.consumers import EventsSubscription, follow_sessions
from events.peers.executions import ExecutorLog
from events.routes.sinks import RawSend
from events.routes.socket import socket_routes
from events.routes.stream import stream_routes
from events.routes.use_cases import UseCases
from events.store.revocations import AuthRevocations, RedisRevocations
from events.store.tokens import AuthExchange

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


def build_app(settings: Settings, backends: Backends) -> FastAPI:
    """Return the service's application; its connections open and close with its lifespan."""
    telemetry = Telemetry(SERVICE, settings.otlp_endpoint)
    meters = Meters(telemetry.meter)
    bus = backends.bus(settings, telemetry)
    redis = backends.redis(settings)
    peers = _peers(settings, telemetry)
    queue = EventsSubscription(bus, settings.relay_queue_length, telemetry)
    relay = Relay(ExecutorLog(peers.executor, peers.tokens), queue, meters)
    revocations = Revocations(RedisRevocations(redis), AuthRevocations(peers.auth, peers.tokens))
    verifier = TokenVerifier(RemoteKeys(peers.auth))
    exchange = AuthExchange(peers.auth, settings.service_secret.current)
    refusals = Refusals(settings.refused_token_limit)
    authenticator = Authenticator(verifier, exchange, revocations, refusals)
    connections = Connections(settings.socket_limit, settings.workspace_socket_limit, meters)
    revocations.on_revoked = lambda: connections.end_revoked(
        revocations.copy.cover, revocations.copy.leaves_key
    )
    use_cases = UseCases(settings, relay, authenticator, connections, meters)

    async def answers() -> None:
        await redis.ping()

    async def reconnected() -> None:
        revocations.distrust()
        await asyncio.gather(relay.look_safely(), revocations.refresh())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as open_:
            open_.callback(telemetry.close)
            open_.push_async_callback(redis.aclose)
            open_.push_async_callback(peers.auth.close)
            open_.push_async_callback(peers.executor.close)
            await bus.start()
            open_.push_async_callback(bus.close)
            await queue.open(relay)
            await follow_sessions(bus, revocations)
            bus.on_reconnect(reconnected)
            open_.push_async_callback(relay.close)
            await open_.enter_async_context(
                _running(lambda: relay.keep_looking(settings.heads_seconds))
            )
            await open_.enter_async_context(
                _running(lambda: revocations.keep_fresh(settings.heads_seconds))
            )
            open_.callback(connections.end_all)
            yield

    app = create_app(
        SERVICE,
        telemetry=telemetry,
        routers=[stream_routes(use_cases), socket_routes(use_cases)],
        lifespan=lifespan,
        checks={"bus": bus.ping, "redis": answers},
        needed=(),  # without the bus it looks at the store, without Redis at its own copy
        verifier=verifier,
    )
    app.state.telemetry = telemetry
    app.state.on_stop = [connections.end_all]
    app.add_middleware(RawSend)
    return app


@asynccontextmanager
async def _running(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Have `work` run until the end of the block."""
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
