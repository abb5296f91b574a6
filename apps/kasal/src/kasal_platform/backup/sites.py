"""Where backups come from and go to: the databases of a MongoDB, or the files of the embedded form."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pymongo import AsyncMongoClient, MongoClient

from common.settings import MongoSettings
from common.storage import mongo
from common.storage.ports import Database, Document
from kasal_platform.backup.plan import SERVICES, Beginning
from kasal_platform.backup.sources import BackupSource, MongoSource
from kasal_platform.databases import BackupRefused


@dataclass(frozen=True, slots=True)
class Sources:
    """The services' databases, and how their jobs stood before any of it was read."""

    by_service: Mapping[str, BackupSource]
    beginning: Beginning


class Site(Protocol):
    """The databases of all services."""

    def sources(self, room: Path) -> AbstractContextManager[Sources]:
        """Let them be read, while services may write. `room` is a folder for what that needs."""

    def open_empty(self, *, drop: bool) -> AbstractAsyncContextManager[Mapping[str, Database]]:
        """Let empty ones be filled. Raises `BackupRefused` if they are not empty, unless told to `drop`."""


class MongoSite:
    """The databases of a MongoDB. Fulfils `Site`."""

    def __init__(self, settings: MongoSettings) -> None:
        self._settings = settings

    def _name(self, service: str) -> str:
        return self._settings.mongo_database_prefix + service

    @contextmanager
    def sources(self, room: Path) -> Iterator[Sources]:  # noqa: ARG002 - it needs none
        url = self._settings.mongo_url
        with MongoClient[Document](url, tz_aware=True) as client:
            beginning = Beginning.of(client[self._name("executor")])
            yield Sources(
                {name: MongoSource(client[self._name(name)]) for name in SERVICES}, beginning
            )

    @asynccontextmanager
    async def open_empty(self, *, drop: bool) -> AsyncIterator[Mapping[str, Database]]:
        """Drop what there is. A write returns once a majority has it in its journal, however long it takes."""
        url = self._settings.mongo_url
        async with AsyncMongoClient[Document](url, tz_aware=True, w="majority", journal=True) as to:
            databases = {name: mongo.database(to, self._settings, name) for name in SERVICES}
            if not drop:
                for database in databases.values():
                    await refuse_filled(database)
            for database in databases.values():
                await to.drop_database(database.name)
            yield databases


async def refuse_filled(database: Database) -> None:
    """Raise `BackupRefused` if the database holds more than its version."""
    filled = [
        name
        for name in await database.list_collection_names()
        if name != "schema" and await database[name].find_one({}, {"_id": 1}) is not None
    ]
    if filled:
        raise BackupRefused(
            f"{database.name} is not empty ({', '.join(sorted(filled))}): end all services and drop"
            " it, or say DROP=1 (--drop)."
        )
