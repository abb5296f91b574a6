"""Bring the data of an earlier release over: `make import-data`.

Releases before SQLite kept the data of `run` in SecantusDB, in KASAL_DATA_DIR/mongo. It stays as it is. Stop
`run` first.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from common.settings import load
from kasal_platform.backup.earlier import import_earlier
from kasal_platform.config import Settings
from kasal_platform.console import command_parser


def main(arguments: Sequence[str]) -> None:
    parser = command_parser("import-data", __doc__)
    parser.add_argument(
        "--from", dest="earlier", type=Path, help="a data folder other than KASAL_DATA_DIR"
    )
    parser.add_argument("--drop", action="store_true", help="replace what the databases hold")
    asked = parser.parse_args(arguments)
    data_dir = load(Settings).data_dir
    asyncio.run(import_earlier(asked.earlier or data_dir, data_dir, drop=asked.drop))
