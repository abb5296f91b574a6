"""The databases of the services in SQLite files, shared by what runs in this process."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pymongo.errors import OperationFailure

from common.storage.mongo import Serving, StoreErrors
from common.storage.ports import Database
from common.telemetry import Telemetry
from kasal_platform.embedded.sqlite.client import Files, SqliteDatabase
from kasal_platform.embedded.sqlite.errors import OUT_OF_DISK_SPACE

ROOM = 16 * 1024 * 1024
"""Bytes that must be free on the disk for the platform to be ready."""


def folder_of(url: str) -> Path:
    """Return the folder that a URL of databases in files names."""
    return Path(unquote(urlsplit(url).path))


class SharedFiles:
    """The files of a folder. They close with the last of those who have opened one."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self._folder = folder
        self._files = Files(folder, durable=durable)
        self._users = 0

    def open(self, service: str, patience: float, telemetry: Telemetry | None) -> "OpenFile":
        """Return the database of a service; its file opens when it is first used."""
        self._users += 1
        if telemetry is None:
            database = SqliteDatabase(self._files, service, patience)
        else:
            count = StoreErrors(telemetry).count
            database = SqliteDatabase(self._files, service, patience, count)
        return OpenFile(self, database, Serving(database, self._check_room))

    async def leave(self) -> None:
        """Note that one of the users is gone."""
        self._users -= 1
        if not self._users:
            await asyncio.to_thread(self._files.close)

    async def _check_room(self) -> None:
        free = (await asyncio.to_thread(shutil.disk_usage, self._folder)).free
        if free < ROOM:
            raise OperationFailure(
                f"the disk of {self._folder} is full: {free} bytes are free, {ROOM} are needed",
                OUT_OF_DISK_SPACE,
            )


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A database in a file. Fulfils `OpenDatabase`."""

    shared: SharedFiles
    database: Database
    check: Serving

    async def close(self) -> None:
        await self.shared.leave()
