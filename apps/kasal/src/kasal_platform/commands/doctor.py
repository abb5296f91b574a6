"""Check what the platform needs to run; the exit code is 1 if something is wrong.

If KASAL_MONGO_URL, KASAL_AMQP_URL or KASAL_REDIS_URL is set, it checks a platform of separate processes,
otherwise what `run` needs.
"""

import asyncio
import sys
from collections.abc import Sequence

from kasal_platform.console import command_parser, say
from kasal_platform.doctor import examine


def main(arguments: Sequence[str]) -> None:
    command_parser("doctor", __doc__).parse_args(arguments)
    findings = asyncio.run(examine())
    for finding in findings:
        say(f"{finding.state:<6} {finding.text}")
    wrong = sum(finding.state == "wrong" for finding in findings)
    if wrong:
        sys.exit(f"{wrong} of {len(findings)} checks found something wrong")
