"""A thread of an open file: it has a connection of its own, and works off one line of calls."""

import sqlite3
import threading
from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from pymongo.errors import PyMongoError

from common.logs import get_logger
from kasal_platform.embedded.sqlite.calls import WorkLine
from kasal_platform.embedded.sqlite.errors import FileDamaged, pymongo_error

log = get_logger(__name__)


class Connected(Protocol):
    """What a thread works with, and closes at its end."""

    @property
    def connection(self) -> sqlite3.Connection: ...


ConnectedT = TypeVar("ConnectedT", bound=Connected)


class FileThread(ABC, Generic[ConnectedT]):
    """Opens the file in its thread, and carries out what arrives in `line` until that is closed."""

    def __init__(self, name: str, path: object) -> None:
        self.line = WorkLine()
        self._path = path
        self._thread = threading.Thread(target=self._run, name=f"{name} of {path}", daemon=True)
        self._opened = threading.Event()
        self._fault: BaseException | None = None
        self._told_damage = False

    @abstractmethod
    def _open(self) -> ConnectedT:
        """Open the file, in this thread."""

    @abstractmethod
    def _work(self, opened: ConnectedT) -> None:
        """Work until the line is closed and empty."""

    def start(self) -> None:
        """Open the file and begin. Raises what opening raises."""
        self._thread.start()
        self._opened.wait()
        if self._fault is not None:
            raise self._fault

    def join(self, timeout: float) -> bool:
        """Wait for the end of a closed line; say whether it came within `timeout` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _error(self, fault: Exception) -> PyMongoError:
        """Return PyMongo's exception for a fault of the file. The log tells the first damage."""
        error = pymongo_error(fault, self._path)
        if isinstance(error, FileDamaged) and not self._told_damage:
            self._told_damage = True
            log.error("a database is damaged", path=str(self._path), reason=str(error))
        return error

    def _run(self) -> None:
        try:
            opened = self._open()
        except BaseException as fault:  # noqa: BLE001 - raised again in the thread that starts it
            self._fault = fault
            return
        finally:
            self._opened.set()
        try:
            self._work(opened)
        except Exception:
            log.exception("a thread of a database has ended", path=str(self._path))
        finally:
            self.line.fail_rest()
            opened.connection.close()
