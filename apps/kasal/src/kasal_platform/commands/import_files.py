"""Bring the files of an earlier release, which lay in KASAL_FILES_DIR, into the database.

The databases are those of KASAL_MONGO_URL; without it, those of `run`, which must be stopped. It can be repeated.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from executor.wiring import keeping_files
from kasal_platform.console import command_parser, say
from kasal_platform.databases import given_databases
from kasal_platform.importing import ImportRefused, import_files
from kasal_platform.schemas import check_all, open_database


def main(arguments: Sequence[str]) -> None:
    parser = command_parser("import-files", __doc__)
    parser.add_argument("folder", type=Path, help="the folder that KASAL_FILES_DIR named")
    parser.add_argument("--workspace", help="whose files these are, if the folder has none by name")
    asked = parser.parse_args(arguments)
    try:
        failed = asyncio.run(_import(asked.folder, asked.workspace))
    except ImportRefused as fault:
        sys.exit(str(fault))
    sys.exit(1 if failed else 0)


async def _import(folder: Path, workspace: str | None) -> int:
    with given_databases() as settings:
        await check_all(settings)
        async with open_database(settings, "executor") as database:
            return await import_files(keeping_files(database), folder, workspace, say)
