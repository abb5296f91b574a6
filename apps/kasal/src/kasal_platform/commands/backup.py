"""Save the databases in a folder: `make backup FOLDER=...`.

The databases are those of KASAL_MONGO_URL, whose services may be running; without it, those of `run`,
which must be stopped. docs/how-to/backup.md says what else a backup needs.
"""

from collections.abc import Sequence
from pathlib import Path

from kasal_platform.backup.saving import save
from kasal_platform.console import command_parser
from kasal_platform.databases import client_of, given_databases


def main(arguments: Sequence[str]) -> None:
    parser = command_parser("backup", __doc__)
    parser.add_argument("folder", type=Path, help="a new folder")
    folder = parser.parse_args(arguments).folder
    with given_databases() as settings, client_of(settings) as client:
        save(client, settings, folder)
