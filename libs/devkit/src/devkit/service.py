"""Runs one service alone, without RabbitMQ or Redis: `python -m devkit.service NAME`.

Its settings come from the environment, as in production. A bus and a Redis at `memory://` are in its
process and not shared with other services: enough to measure or try one service.
"""

import argparse
import importlib

from common.logs import configure_logging
from common.settings import load
from common.web.server import run, serve
from kasal_platform.embedded.backends import InProcessBackends


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m devkit.service", description=__doc__)
    parser.add_argument("name", help="the service")
    name = parser.parse_args().name
    settings = load(importlib.import_module(f"{name}.config").Settings)
    configure_logging(settings.log_level, settings.log_format, name)
    app = importlib.import_module(f"{name}.wiring").build_app(settings, InProcessBackends())
    run(lambda: serve(app, settings, [app.state.telemetry]))


if __name__ == "__main__":
    main()
