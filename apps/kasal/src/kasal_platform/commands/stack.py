"""Start every service as its own process and two workers, without containers: `make stack`.

RabbitMQ, Redis and MongoDB come from KASAL_AMQP_URL, KASAL_REDIS_URL and KASAL_MONGO_URL where they
are set, otherwise from where `make test` finds them (SecantusDB replaces MongoDB).
"""

from collections.abc import Sequence

from common.web.server import run
from kasal_platform.console import command_parser
from kasal_platform.stack_running import run_until_stopped


def main(arguments: Sequence[str]) -> None:
    command_parser("stack", __doc__).parse_args(arguments)
    run(run_until_stopped)
