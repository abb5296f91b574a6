"""The databases of `run` as a place that is backed up and restored."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path

from common.settings import MongoSettings
from common.storage.ports import Database
from kasal_platform.backup.plan import SERVICES, Beginning
from kasal_platform.backup.sites import Sources, refuse_filled
from kasal_platform.data_folder import database_file, databases_in, hold
from kasal_platform.embedded.sqlite.client import SqliteClient
from kasal_platform.embedded.sqlite.snapshots import snapshots
from kasal_platform.swapping import commit_restore, new_databases

PREFIX: str = MongoSettings.model_fields["mongo_database_prefix"].default
"""Before the name of a service, in a backup: as if the databases were those of a MongoDB."""
_PATIENCE = 600.0
"""Seconds that a write may take: nobody else waits."""


class FilesSite:
    """The files in a data folder, of which the caller may have the lock. Fulfils `Site`."""

    def __init__(self, data_dir: Path, *, is_held: bool = False) -> None:
        self._data_dir = data_dir
        self._is_held = is_held

    @contextmanager
    def sources(self, room: Path) -> Iterator[Sources]:
        files = {service: database_file(self._data_dir, service) for service in SERVICES}
        with snapshots(files, room) as copies:
            for service, copy in copies.items():
                copy.name = PREFIX + service
            yield Sources(copies, Beginning.of_snapshot(copies["executor"]))

    @asynccontextmanager
    async def open_empty(self, *, drop: bool) -> AsyncIterator[Mapping[str, Database]]:
        """Let new files be filled, which take the place of those there are when the block has ended."""
        with nullcontext() if self._is_held else hold(self._data_dir):
            if not drop:
                await self._refuse_filled()
            async with SqliteClient(
                new_databases(databases_in(self._data_dir)), patience=_PATIENCE
            ) as client:
                yield {service: client.get_database(service) for service in SERVICES}
            commit_restore(databases_in(self._data_dir))

    async def _refuse_filled(self) -> None:
        async with SqliteClient(databases_in(self._data_dir)) as client:
            for service in SERVICES:
                if database_file(self._data_dir, service).exists():
                    await refuse_filled(client.get_database(service))
