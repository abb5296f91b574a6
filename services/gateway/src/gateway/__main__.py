"""`python -m gateway serve`."""

import argparse

from common.backends import Backends
from common.logs import configure_logging
from common.server import run, serve
from common.settings import load
from gateway.config import Settings
from gateway.wiring import build_app


def main() -> None:
    """Run the verb on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway", description="The one door of the platform."
    )
    parser.add_argument("verb", choices=["serve"], help="serve: answer everything on KASAL_PORT")
    parser.parse_args()
    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format, "gateway")
    app = build_app(settings, Backends())
    run(lambda: serve(app, settings, [app.state.telemetry]))


if __name__ == "__main__":
    main()
