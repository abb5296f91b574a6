"""Restore the databases from the folder of a backup: `make restore FOLDER=...`.

The databases are those of KASAL_MONGO_URL; without it, those of `run`. The services must be stopped.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from kasal_platform.backup.given import given_site
from kasal_platform.backup.restoring import restore
from kasal_platform.console import command_parser


def main(arguments: Sequence[str]) -> None:
    parser = command_parser("restore", __doc__)
    parser.add_argument("folder", type=Path, help="the folder of the backup")
    parser.add_argument("--drop", action="store_true", help="replace what the databases hold")
    asked = parser.parse_args(arguments)
    asyncio.run(restore(asked.folder, given_site(), drop=asked.drop))
