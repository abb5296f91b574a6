"""Restore the databases from the folder of a backup: `make restore FOLDER=...`.

The databases are those of KASAL_MONGO_URL; without it, those of `run`. The services must be stopped.
"""

from collections.abc import Sequence
from pathlib import Path

from kasal_platform.backup.restoring import restore
from kasal_platform.console import command_parser
from kasal_platform.databases import client_of, given_databases


def main(arguments: Sequence[str]) -> None:
    parser = command_parser("restore", __doc__)
    parser.add_argument("folder", type=Path, help="the folder of the backup")
    parser.add_argument("--drop", action="store_true", help="replace what the databases hold")
    asked = parser.parse_args(arguments)
    with given_databases() as settings, client_of(settings) as client:
        restore(client, settings, asked.folder, drop=asked.drop)
