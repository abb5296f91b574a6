"""Databases in files, with the classes and methods of PyMongo's that stores use."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from pymongo import _csot
from pymongo.errors import BulkWriteError, PyMongoError, WriteError

from kasal_platform.embedded.sqlite.calls import WorkLine
from kasal_platform.embedded.sqlite.collection import SqliteCollection
from kasal_platform.embedded.sqlite.errors import COMMAND_NOT_FOUND
from kasal_platform.embedded.sqlite.failures import refusal
from kasal_platform.embedded.sqlite.file import File
from kasal_platform.embedded.sqlite.reading import View
from kasal_platform.embedded.sqlite.scanning import Observe
from kasal_platform.embedded.sqlite.writer import Work

Failed = Callable[[str, str], None]
"""Is told the operation and the kind of error when one fails."""


def _ignore(_operation: str, _kind: str) -> None:
    pass


PATIENCE = 5.0
"""Seconds that a caller waits for the embedded database, unless it says otherwise."""


class Files:
    """The open files of a folder: one a database, shared by all clients in the process."""

    def __init__(
        self, folder: Path, *, durable: bool = False, observe: Observe | None = None
    ) -> None:
        self.folder = folder
        self._observe = observe
        self._durable = durable
        self._open: dict[str, File] = {}
        self._lock = threading.Lock()

    def file(self, name: str) -> File:
        """Return the file of the database `name`; open it if it is not. Raises `PyMongoError`."""
        with self._lock:
            found = self._open.get(name)
            if found is None:
                found = File(
                    self.folder / f"{name}.sqlite", durable=self._durable, observe=self._observe
                )
                found.open()
                self._open[name] = found
            return found

    def close(self) -> None:
        """Carry out what waits, and close all files."""
        with self._lock:  # a file is not opened again before its last writer has ended
            opened, self._open = self._open, {}
            for file in opened.values():
                file.close()


class SqliteDatabase:
    """One database. It opens its file when it is first used."""

    def __init__(self, files: Files, name: str, patience: float, failed: Failed = _ignore) -> None:
        self.name = name
        self._files = files
        self._patience = patience
        self._failed = failed
        self._file: File | None = None

    def __getitem__(self, name: str) -> SqliteCollection:
        return SqliteCollection(self, name)

    async def read(self, operation: str, work: Callable[[View], Any]) -> Any:
        """Return what `work` answers on the reading thread. Raises `PyMongoError`."""
        file = self._file or await self._open_file()
        return await self._ask(file.reads, operation, work, 0, self._within())

    async def write(
        self, operation: str, work: Work, size: int = 0, *, unlimited: bool = False
    ) -> Any:
        """Return what `work` answers once it is in the file. Raises `PyMongoError`."""
        file = self._file or await self._open_file()
        within = _csot.remaining() if unlimited else self._within()
        return await self._ask(file.writes, operation, work, size, within)

    async def _ask(
        self, line: WorkLine, operation: str, work: Any, size: int, within: float | None
    ) -> Any:
        try:
            return await line.ask(work, size, within)
        except PyMongoError as fault:
            if not isinstance(fault, WriteError | BulkWriteError):
                self._failed(operation, type(fault).__name__)
            raise

    def _within(self) -> float:
        left = _csot.remaining()
        return self._patience if left is None else left

    async def _open_file(self) -> File:
        self._file = await asyncio.to_thread(self._files.file, self.name)
        return self._file

    @property
    def is_closed(self) -> bool:
        """Say whether its file takes no more calls."""
        return self._file is not None and self._file.writes.is_closed

    async def list_collection_names(self) -> list[str]:
        """Return the names of the collections that exist."""
        names: list[str] = await self.read("listCollections", lambda view: list(view.tables))
        return names

    async def command(self, command: str, /) -> Mapping[str, Any]:
        """Carry out `ping` or `buildInfo`. Raises `OperationFailure` for others."""
        if command == "ping":
            await self.read("ping", lambda view: view.connection.execute("SELECT 1").fetchone())
            return {"ok": 1.0}
        if command == "buildInfo":
            version = await self.read(
                "buildInfo",
                lambda view: view.connection.execute("SELECT sqlite_version()").fetchone()[0],
            )
            return {"ok": 1.0, "version": "0.0.0", "sqliteVersion": version}
        raise refusal(COMMAND_NOT_FOUND, f"no such command: '{command}'")


class SqliteClient:
    """The databases of a folder, as PyMongo's asynchronous client has them. `patience` is in seconds (`PATIENCE`)."""

    def __init__(
        self, files: Files | Path, *, patience: float | None = None, failed: Failed = _ignore
    ) -> None:
        self._owns = isinstance(files, Path)
        self.files = Files(files) if isinstance(files, Path) else files
        self._patience = PATIENCE if patience is None else patience
        self._failed = failed

    def get_database(self, name: str) -> SqliteDatabase:
        """Return the database `name`."""
        return SqliteDatabase(self.files, name, self._patience, self._failed)

    def __getitem__(self, name: str) -> SqliteDatabase:
        return self.get_database(name)

    async def close(self) -> None:
        """Close the files that are this client's own; shared ones stay open."""
        if self._owns:
            await asyncio.to_thread(self.files.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
