"""`python -m events serve`; its `migrate` has nothing to do."""

import argparse

from common.logs import configure_logging
from common.settings import load
from common.storage.migrations import nothing_to_migrate
from common.web.server import run, serve


def main() -> None:
    """Run the verb on the command line."""
    parser = argparse.ArgumentParser(prog="python -m events", description="Relays live events.")
    parser.add_argument(
        "verb",
        choices=["serve", "migrate"],
        help="serve: answer /ws and SSE streams; migrate: nothing, as events keeps no data",
    )
    if parser.parse_args().verb == "migrate":
        nothing_to_migrate("events")
    else:
        _serve()


def _serve() -> None:
    from common.backends import Backends
    from events.config import Settings
    from events.wiring import build_app

    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format, "events")
    app = build_app(settings, Backends())
    run(lambda: serve(app, settings, [app.state.telemetry]))


if __name__ == "__main__":
    main()
