"""Start the whole platform in one process, for a laptop: `make run`.

MongoDB, RabbitMQ and Redis have stand-ins; data is kept in KASAL_DATA_DIR (.kasal).
"""

import importlib.util
import sys
from collections.abc import Sequence

from kasal_platform.console import command_parser


def main(arguments: Sequence[str]) -> None:
    command_parser("run", __doc__).parse_args(arguments)
    if importlib.util.find_spec("fakeredis") is None:
        sys.exit("The stand-ins are missing: install kasal-platform[embedded]")
    from common.web.server import run
    from kasal_platform.embedded.running import serve_until_stopped

    run(serve_until_stopped)
