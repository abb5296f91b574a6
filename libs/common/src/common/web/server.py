"""Runs ASGI applications: binds sockets, handles signals once, drains before it stops."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Receive, Scope, Send

from common.process.starting import refusal
from common.settings import CommonSettings
from common.telemetry import Telemetry
from common.web.protocol import Protocol
from common.web.slow_clients import SlowClients
from common.web.socket_protocol import SocketProtocol

_TICKS_A_SECOND = 10
"""How often uvicorn calls `on_tick`."""


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process and has a `stop`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._patience = SlowClients()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        """Once a second, look for clients that do not read what they are sent."""
        if counter % _TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            self._patience.look(self.server_state.connections, now)  # type: ignore[arg-type]
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # raised in a task, it would end the event loop for all others
            self.should_exit = True

    def stop(self) -> None:
        """Stop serving.

        The functions in the app's `state.on_stop` are called first: they end long answers, which would
        delay the stop.
        """
        if self.should_exit:
            return
        state = getattr(self.config.app, "state", None)
        for hook in getattr(state, "on_stop", ()):
            hook()
        self.should_exit = True


def bind_tcp(host: str, port: int) -> socket.socket:
    """Return a bound socket, or exit with one line if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that name it.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as fault:
        bound.close()
        sys.exit(f"Cannot listen on {host}:{port}: {fault.strerror or fault}")
    return bound


def bind_unix(path: Path) -> socket.socket:
    """Return a Unix socket at `path`, replacing one left by a dead process."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(0o600)
    except OSError:
        bound.close()
        raise
    return bound


class _NotAnError(logging.Filter):
    """Drops uvicorn's line about each WebSocket handshake that an application properly refuses."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg != "ASGI callable returned without completing handshake."


_NOT_AN_ERROR = _NotAnError()


def server_for(app: ASGIApp, *, grace: float = 5.0, ws_max_size: int = 65_536) -> Server:
    """Return a server of `app` with the platform's protocol settings."""
    logging.getLogger("uvicorn.error").addFilter(_NOT_AN_ERROR)
    return Server(
        uvicorn.Config(
            app,
            lifespan="on",
            http=Protocol,
            ws=SocketProtocol,
            ws_per_message_deflate=False,
            ws_max_size=ws_max_size,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            timeout_graceful_shutdown=max(1, round(grace)),
            timeout_keep_alive=75,
            forwarded_allow_ips="",
            proxy_headers=False,
        )
    )


def metrics_app(registries: Iterable[CollectorRegistry]) -> ASGIApp:
    """Return an application that serves `/metrics` in Prometheus' text format.

    The process's own figures (CPU, memory, open files) are included once.
    """
    process = CollectorRegistry()
    ProcessCollector(registry=process)
    held = _Together([process, *registries])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _accept_lifespan(receive, send)
            return
        found = scope.get("path") == "/metrics"
        body = generate_latest(held) if found else b"not found"
        kind = CONTENT_TYPE_LATEST.encode()
        start: dict[str, Any] = {
            "type": "http.response.start",
            "status": 200 if found else 404,
            "headers": [(b"content-type", kind)],
        }
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return app


class _Together(Collector):
    """Several registries as one, since Prometheus reads each name only once."""

    def __init__(self, registries: Sequence[CollectorRegistry]) -> None:
        self._registries = registries

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for registry in self._registries:
            for family in registry.collect():
                families.setdefault(family.name, family)
                if families[family.name] is not family:
                    families[family.name].samples.extend(family.samples)
        return families.values()


async def _accept_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def on_stop_signal(stop: Callable[[], object], again: Callable[[], object] | None = None) -> None:
    """Call `stop` on SIGINT and SIGTERM, in the running loop; from the second signal on, `again`."""
    loop = asyncio.get_running_loop()
    is_stopping = False

    def on_signal() -> None:
        nonlocal is_stopping
        first, is_stopping = not is_stopping, True
        if first or again is None:
            stop()
        else:
            again()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` on uvloop until it returns.

    What is imported by now is excluded from garbage collection, which would block the loop for too long.
    """
    import uvloop

    gc.freeze()
    uvloop.run(main())  # type: ignore[arg-type]  # any awaitable is fine for it


class _Servers:
    """Servers that start, run and end together."""

    def __init__(self, servers: Sequence[tuple[Server, socket.socket]]) -> None:
        self._servers = servers
        self.told_to_stop = False

    @property
    def started(self) -> bool:
        return all(server.started for server, _ in self._servers)

    async def run(self) -> None:
        """Serve until a server ends or SIGINT or SIGTERM comes."""
        running = asyncio.gather(*(self._serve(server, bound) for server, bound in self._servers))

        def stop_by_signal() -> None:
            self.told_to_stop = True
            self._stop()
            if not self._servers[0][0].started:
                # Nothing about the interrupted start.
                logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
                running.cancel()

        on_stop_signal(stop_by_signal)
        try:
            await running
        except asyncio.CancelledError:
            if not self.told_to_stop:
                raise

    async def _serve(self, server: Server, bound: socket.socket) -> None:
        try:
            await server.serve(sockets=[bound])
        finally:
            self._stop()  # if one fails to start or ends, the others end too

    def _stop(self) -> None:
        for server, _ in self._servers:
            server.stop()


async def serve(
    app: ASGIApp, settings: CommonSettings, telemetries: Sequence[Telemetry] = ()
) -> None:
    """Serve `app` on the settings' port, and `/metrics` on its own, until SIGINT or SIGTERM.

    A process that is told to stop before it serves, while it waits for its database, ends at once.
    """
    servers = [
        (server_for(app, grace=settings.shutdown_grace), bind_tcp(settings.host, settings.port))
    ]
    if settings.metrics_port is not None:
        metrics = metrics_app(telemetry.registry for telemetry in telemetries)
        servers.append((server_for(metrics), bind_tcp(settings.host, settings.metrics_port)))
    together = _Servers(servers)
    await together.run()
    if not together.told_to_stop and not together.started:
        sys.exit(refusal(app) or "The service could not start; the lines above say why.")
