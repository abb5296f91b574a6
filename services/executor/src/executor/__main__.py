"""`python -m executor serve` answers the API, `work` runs jobs, `migrate` brings the database up."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from common.logs import configure_logging
from common.settings import load
from common.web.server import run

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from executor.config import Settings


def main() -> None:
    """Run the verb on the command line."""
    parser = argparse.ArgumentParser(prog="python -m executor", description="Runs crews.")
    parser.add_argument(
        "verb",
        choices=["serve", "work", "migrate"],
        help="serve: answer the API; work: run jobs; migrate: bring the database to this schema",
    )
    verb = parser.parse_args().verb
    if verb == "migrate":
        from executor.wiring import migrate

        migrate()
        return
    from executor.config import Settings

    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format, "executor")
    if verb == "serve":
        _serve(settings)
    else:
        run(lambda: _work(settings))


def _serve(settings: "Settings") -> None:
    from common.backends import Backends
    from common.web.server import serve
    from executor.wiring import build_app

    app = build_app(settings, Backends())
    run(lambda: serve(app, settings, [app.state.telemetry]))


async def _work(settings: "Settings") -> None:
    from common.backends import Backends
    from common.process.starting import CannotStart
    from common.web.server import bind_tcp, metrics_app, on_stop_signal, server_for
    from executor.process.health import health_app
    from executor.wiring import build_worker

    process = build_worker(settings, Backends(), eager=True)
    stop = asyncio.Event()
    on_stop_signal(stop.set, process.hasten)
    doors: list[tuple[int, ASGIApp]] = []
    if "port" in settings.model_fields_set:
        doors.append((settings.port, health_app(process.checks, process.needed)))
    if settings.metrics_port is not None:
        doors.append((settings.metrics_port, metrics_app([process.telemetry.registry])))
    servers = [(server_for(app), bind_tcp(settings.host, port)) for port, app in doors]
    serving = [asyncio.create_task(server.serve(sockets=[bound])) for server, bound in servers]
    refused = None
    try:
        await process.run(stop)
    except CannotStart as fault:
        refused = str(fault)
    for server, _ in servers:
        server.stop()
    await asyncio.gather(*serving)
    if refused is not None:
        sys.exit(refused)


if __name__ == "__main__":
    main()
