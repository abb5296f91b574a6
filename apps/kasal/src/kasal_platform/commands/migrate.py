"""Migrate every service's database to the schema of this version.

The databases are those of KASAL_MONGO_URL; without it, those of `run`, which must be stopped. It can be
interrupted and repeated.
"""

import asyncio
from collections.abc import Sequence

from kasal_platform.console import command_parser, say
from kasal_platform.databases import given_databases
from kasal_platform.schemas import migrate_all


def main(arguments: Sequence[str]) -> None:
    command_parser("migrate", __doc__).parse_args(arguments)
    with given_databases() as settings:
        asyncio.run(migrate_all(settings, say))
