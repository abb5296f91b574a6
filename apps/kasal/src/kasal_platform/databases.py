"""The databases that an operator's command works on."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from common.settings import CommonSettings, MongoSettings, load
from kasal_platform.config import Settings, secrets_in
from kasal_platform.data_folder import databases_url, hold, refuse_earlier_data


class BackupRefused(Exception):  # noqa: N818 - it says what happened
    """The folder or the databases are unsuitable; the text is one plain line."""


class DatabaseChoice(CommonSettings):
    """Which databases are meant."""

    mongo_url: str | None = None
    data_dir: Path = Settings.model_fields["data_dir"].default


@contextlib.contextmanager
def given_databases() -> Iterator[MongoSettings]:
    """Yield the settings of KASAL_MONGO_URL, or have the data folder of `run` for the block.

    Raises `FolderRefused` if that is in use, `SecretsDamaged` if its secrets are gone.
    """
    choice = load(DatabaseChoice)
    if choice.mongo_url:
        yield load(MongoSettings)
        return
    with hold(choice.data_dir):
        refuse_earlier_data(choice.data_dir)
        secrets_in(choice.data_dir)  # a folder with data has secrets
        yield load(MongoSettings, mongo_url=databases_url(choice.data_dir))
