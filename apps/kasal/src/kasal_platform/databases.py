"""The databases that an operator's command works on."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from common.settings import CommonSettings, MongoSettings, load
from kasal_platform.config import Settings
from kasal_platform.local import secantus


class BackupRefused(Exception):  # noqa: N818 - it says what happened
    """The folder or the databases are unsuitable; the text is one plain line."""


class _Choice(CommonSettings):
    """Which databases are meant."""

    mongo_url: str | None = None
    data_dir: Path = Settings.model_fields["data_dir"].default


@contextlib.contextmanager
def given_databases() -> Iterator[MongoSettings]:
    """Yield the settings of KASAL_MONGO_URL, or start the database of `run` for the block.

    Raises `ProgramFailed` if that is in use or cannot be started.
    """
    choice = load(_Choice)
    if choice.mongo_url:
        yield load(MongoSettings)
        return
    folder = choice.data_dir / "mongo"
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
