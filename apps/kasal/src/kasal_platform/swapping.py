"""Puts restored databases in the place of those of `run`, whenever the process dies.

They are made in `db.partial`, beside `db`. Once they are complete and on the disk, that folder becomes
`db.restored`: from then on they are the databases, and whoever takes the data folder next finishes what was
interrupted.
"""

import os
import shutil
from pathlib import Path


def new_databases(databases: Path) -> Path:
    """Return an empty folder for what is to be restored; what an earlier try left there is gone."""
    partial = _beside(databases, "partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    return partial


def commit_restore(databases: Path) -> None:
    """Let what is in `new_databases` take the place of `databases`. It must be closed and complete."""
    partial = _beside(databases, "partial")
    for path in partial.iterdir():
        _sync(path)
    _sync(partial)
    partial.rename(_beside(databases, "restored"))
    _sync(databases.parent)
    finish_restore(databases)


def finish_restore(databases: Path) -> None:
    """Finish a committed restore that was interrupted; otherwise do nothing."""
    restored, replaced = _beside(databases, "restored"), _beside(databases, "replaced")
    if restored.exists():
        if databases.exists():
            shutil.rmtree(replaced, ignore_errors=True)
            databases.rename(replaced)
        restored.rename(databases)
        _sync(databases.parent)
    if replaced.exists():
        shutil.rmtree(replaced)


def _beside(databases: Path, what: str) -> Path:
    return databases.with_name(f"{databases.name}.{what}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
