"""`python -m gateway serve`; its `migrate` has nothing to do."""

import argparse

from common.backends import Backends
from common.logs import configure_logging
from common.settings import load
from common.storage.migrations import nothing_to_migrate
from common.web.server import run, serve
from gateway.config import Settings
from gateway.wiring import build_app


def main() -> None:
    """Run the verb on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway", description="The one door of the platform."
    )
    parser.add_argument(
        "verb",
        choices=["serve", "migrate"],
        help="serve: answer everything on KASAL_PORT; migrate: nothing, as the gateway has no data",
    )
    if parser.parse_args().verb == "migrate":
        nothing_to_migrate("gateway")
        return
    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format, "gateway")
    app = build_app(settings, Backends())
    run(lambda: serve(app, settings, [app.state.telemetry]))


if __name__ == "__main__":
    main()
