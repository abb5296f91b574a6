"""How a command ends on a fault that the operator can fix: with one line and no trace."""

import contextlib
import logging
import sys
from collections.abc import Iterator

from pymongo.errors import PyMongoError

from common.errors import Unavailable
from common.storage.migrations import LockLost, SchemaMismatch
from kasal_platform.config import SecretsDamaged
from kasal_platform.data_folder import FolderRefused
from kasal_platform.databases import BackupRefused
from kasal_platform.local.program import ProgramFailed
from kasal_platform.parts import StackFailed

_PLAIN = (
    BackupRefused,
    FolderRefused,
    LockLost,
    ProgramFailed,
    SchemaMismatch,
    SecretsDamaged,
    StackFailed,
    Unavailable,
    OSError,
)


@contextlib.contextmanager
def ending_plainly() -> Iterator[None]:
    """Exit with one line for a fault that the operator can fix."""
    # What libraries log about a fault would say it twice.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        yield
    except _PLAIN as fault:
        sys.exit(str(fault) or type(fault).__name__)
    except PyMongoError as fault:
        # The driver adds its settings and what it knows of each server.
        reason = str(fault).partition(" (configured timeouts: ")[0]
        sys.exit(f"The database refused or did not answer: {reason}")
