"""`python -m auth serve`: one process of the auth service.

`migrate` brings its database up, `reseal` seals its signing keys under the current secret key.
"""

import argparse

from auth.config import Settings
from auth.wiring import build_app, migrate, reseal
from common.backends import Backends
from common.logs import configure_logging
from common.server import run, serve
from common.settings import load


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m auth", description=__doc__)
    parser.add_argument("verb", choices=["serve", "migrate", "reseal"])
    verb = parser.parse_args().verb
    if verb != "serve":
        {"migrate": migrate, "reseal": reseal}[verb]()
        return
    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format, "auth")
    app = build_app(settings, Backends())
    run(lambda: serve(app, settings, [app.state.telemetry]))


if __name__ == "__main__":
    main()
