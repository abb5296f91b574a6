"""`python -m auth serve`: one process of the auth service.

`migrate` brings its database up, `reseal` seals its signing keys under the current secret key.
`reset-password EMAIL` prints a token that sets a new password once, for whoever operates the platform to
hand to the holder of the account.
"""

import argparse
import sys

from auth.config import Settings
from auth.wiring import build_app, migrate, reseal, reset_token
from common.backends import Backends
from common.errors import KasalError
from common.logs import configure_logging
from common.settings import MongoSettings, load
from common.web.server import run, serve

_RESET_TEXT = """{}

It sets a new password once, within an hour: POST /auth/password/reset with it as `token`, and the new
`password`. All logins of the account end then.
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m auth", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for plain in ("serve", "migrate", "reseal"):
        verbs.add_parser(plain)
    verbs.add_parser("reset-password").add_argument("email")
    arguments = parser.parse_args()
    if arguments.verb == "reset-password":
        _reset_password(arguments.email)
    else:
        {"serve": _serve, "migrate": migrate, "reseal": reseal}[arguments.verb]()


def _serve() -> None:
    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format, "auth")
    app = build_app(settings, Backends())
    run(lambda: serve(app, settings, [app.state.telemetry]))


def _reset_password(email: str) -> None:
    settings = load(MongoSettings)
    configure_logging(settings.log_level, settings.log_format, "auth")

    async def tell() -> None:
        token = await reset_token(settings, email)
        sys.stdout.write(_RESET_TEXT.format(token))

    try:
        run(tell)
    except KasalError as fault:
        sys.exit(f"{fault.message} {fault.__cause__}" if fault.__cause__ else fault.message)


if __name__ == "__main__":
    main()
