"""The databases that an operator's command works on."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from common.errors import Unavailable
from common.settings import MongoSettings, load
from common.storage.migrations import LockLost, SchemaMismatch
from kasal_platform.local import secantus
from kasal_platform.local.program import ProgramFailed


class CannotRestore(Exception):  # noqa: N818 - it says what happened
    """The folder or the databases are unsuitable; the text is one plain line."""


@contextlib.contextmanager
def given_databases() -> Iterator[MongoSettings]:
    """Yield the settings of KASAL_MONGO_URL, or start the database of `run` for the block.

    Raises `ProgramFailed` if that is in use or cannot be started.
    """
    if os.environ.get("KASAL_MONGO_URL"):
        yield load(MongoSettings)
        return
    folder = Path(os.environ.get("KASAL_DATA_DIR") or ".kasal") / "mongo"
    program = secantus.program(folder.resolve())
    program.start()
    try:
        program.wait()
        yield load(MongoSettings, mongo_url=program.url)
    finally:
        program.stop()


def client_of(settings: MongoSettings) -> MongoClient[dict[str, Any]]:
    """Return a client whose writes return once a majority has them in its journal."""
    return MongoClient(settings.mongo_url, tz_aware=True, w="majority", journal=True)


@contextlib.contextmanager
def ending_plainly() -> Iterator[None]:
    """Exit with one line for a fault that the operator can fix."""
    try:
        yield
    except (
        CannotRestore,
        LockLost,
        ProgramFailed,
        SchemaMismatch,
        Unavailable,
        OSError,
    ) as fault:
        sys.exit(str(fault))
    except PyMongoError as fault:
        sys.exit(f"The database refused or did not answer: {fault}")
