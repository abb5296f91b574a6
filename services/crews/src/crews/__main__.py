"""`python -m crews serve`: one process of the crews service."""

import argparse

from common.backends import Backends
from common.logs import configure_logging
from common.server import run, serve
from common.settings import load
from crews.config import Settings
from crews.wiring import build_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m crews", description=__doc__)
    parser.add_argument("verb", choices=["serve"])
    parser.parse_args()
    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format)
    app = build_app(settings, Backends())
    run(lambda: serve(app, settings, [app.state.telemetry]))


if __name__ == "__main__":
    main()
