"""`python -m crews serve`, `migrate` and `reseal`."""

import argparse

from common.logs import configure_logging
from common.settings import load
from common.web.server import run, serve


def main() -> None:
    """Run the verb on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m crews", description="Keeps crews, their tools and their memory."
    )
    parser.add_argument(
        "verb",
        choices=["serve", "migrate", "reseal"],
        help="serve: answer HTTP, follow the bus; migrate: bring the database to this schema; "
        "reseal: seal credentials under the newest secret key",
    )
    verb = parser.parse_args().verb
    if verb != "serve":
        from crews.wiring import migrate, reseal

        {"migrate": migrate, "reseal": reseal}[verb]()
    else:
        _serve()


def _serve() -> None:
    from common.backends import Backends
    from crews.config import Settings
    from crews.wiring import build_app

    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format, "crews")
    app = build_app(settings, Backends())
    run(lambda: serve(app, settings, [app.state.telemetry]))


if __name__ == "__main__":
    main()
