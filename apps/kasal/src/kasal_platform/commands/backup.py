"""Save the databases in a folder: `make backup FOLDER=...`.

The databases are those of KASAL_MONGO_URL; without it, those of `run`. The services may be running.
docs/how-to/backup.md says what else a backup needs.
"""

from collections.abc import Sequence
from pathlib import Path

from kasal_platform.backup.given import given_site
from kasal_platform.backup.saving import save_site
from kasal_platform.console import command_parser


def main(arguments: Sequence[str]) -> None:
    parser = command_parser("backup", __doc__)
    parser.add_argument("folder", type=Path, help="a new folder")
    folder = parser.parse_args(arguments).folder
    save_site(given_site(), folder)
