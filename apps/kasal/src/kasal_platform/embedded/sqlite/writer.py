"""The only thread that writes to a file: it commits together what arrived while it was at work."""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty
from typing import Any

from common.logs import get_logger
from kasal_platform.embedded.sqlite.calls import Answer, QueuedWork, WorkLine
from kasal_platform.embedded.sqlite.errors import pymongo_error
from kasal_platform.embedded.sqlite.session import WriteSession

log = get_logger(__name__)

MOST_TOGETHER = 256
MOST_BYTES = 8 * 1024 * 1024
"""A group ends after so many operations, or after the one with which it holds so many bytes."""

MORE = object()
"""What an operation returns that has only done a part: it is called again in a later group."""

Work = Callable[[WriteSession], Any]


class Writer:
    """Runs operations in groups: each whole or not at all, and none answered before all are in the file."""

    def __init__(
        self,
        open_session: Callable[[], WriteSession],
        path: object,
        published: Callable[[WriteSession], None],
        chore: Work,
        every: float,
    ) -> None:
        self.line = WorkLine()
        self._open_session = open_session
        self._path = path
        self._published = published
        self._chore = chore
        self._every = every
        self._going_on: list[QueuedWork] = []
        self._thread = threading.Thread(target=self._run, name=f"writer of {path}", daemon=True)
        self._opened = threading.Event()
        self._fault: BaseException | None = None
        self.failing: BaseException | None = None
        """Why the last group could not be written, None if it was."""

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

    def _run(self) -> None:
        try:
            session = self._open_session()
        except BaseException as fault:  # noqa: BLE001 - raised again in the thread that starts it
            self._fault = fault
            return
        finally:
            self._opened.set()
        try:
            self._work(session)
        except Exception:
            log.exception("a thread of a database has ended", path=str(self._path))
        finally:
            self.line.fail_rest()
            session.connection.close()

    def _work(self, session: WriteSession) -> None:
        next_chore = time.monotonic() + self._every
        while True:
            if time.monotonic() >= next_chore:
                next_chore = time.monotonic() + self._every
                self._going_on.append(QueuedWork(self._chore, 0, None))
            going_on, self._going_on = self._going_on, []
            group = going_on
            if not going_on:
                try:
                    call = self.line.next(max(0.0, next_chore - time.monotonic()))
                except Empty:
                    continue
                if call is None:
                    return
                group = [call]
            group += self.line.more(MOST_TOGETHER, MOST_BYTES)
            self.line.answer(self._perform(session, group))

    def _perform(self, session: WriteSession, group: Sequence[QueuedWork]) -> list[Answer]:
        given_up: list[Answer] = [(call, None, None) for call in group if call.is_given_up]
        answers = list(given_up)
        group = [call for call in group if not call.is_given_up]
        if not group:
            return answers
        going_on: list[QueuedWork] = []
        try:
            session.begin()
            for call in group:
                value, fault = self._one(session, call)
                if value is MORE:
                    going_on.append(call)
                else:
                    answers.append((call, value, fault))
            session.commit()
        except Exception as fault:  # noqa: BLE001 - raised again in the callers
            self._fail(session, fault)
            return [*given_up, *((call, None, pymongo_error(fault, self._path)) for call in group)]
        self.failing = None
        self._published(session)
        self._going_on = going_on
        return answers

    def _one(self, session: WriteSession, call: QueuedWork) -> tuple[Any, BaseException | None]:
        session.begin_operation()
        try:
            return call.work(session), None
        except sqlite3.Error:
            raise
        except Exception as fault:  # noqa: BLE001 - raised again in its caller
            session.undo()
            return None, fault

    def _fail(self, session: WriteSession, fault: Exception) -> None:
        if self.failing is None:
            log.error("a group of writes failed", path=str(self._path), exc_info=fault)
        self.failing = fault
        try:
            session.roll_back()
        except sqlite3.Error as second:
            log.exception("a failed group could not be taken back", reason=str(second))
