"""The only thread that writes to a file: it commits together what arrived while it was at work."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from queue import Empty
from typing import Any

from common.logs import get_logger
from kasal_platform.embedded.sqlite.calls import Answer, QueuedWork
from kasal_platform.embedded.sqlite.errors import FileFault, concerns_all, taken_back
from kasal_platform.embedded.sqlite.session import WriteSession
from kasal_platform.embedded.sqlite.thread import FileThread

log = get_logger(__name__)

MOST_TOGETHER = 256
MOST_BYTES = 8 * 1024 * 1024
"""A group ends after so many operations, or after the one with which it holds so many bytes."""

_APART = 60.0
"""Seconds for which each operation has a group of its own after one has failed its whole group."""

MORE = object()
"""What an operation returns that has only done a part: it is called again in a later group."""

Work = Callable[[WriteSession], Any]


class Writer(FileThread[WriteSession]):
    """Runs operations in groups: each whole or not at all, and none answered before all are in the file."""

    def __init__(
        self,
        open_session: Callable[[], WriteSession],
        path: object,
        published: Callable[[WriteSession], None],
        chore: Work,
        every: float,
    ) -> None:
        super().__init__("writer", path)
        self._open_session = open_session
        self._published = published
        self._chore = chore
        self._every = every
        self._going_on: list[QueuedWork] = []
        self._apart_until = float("-inf")
        self.failing: BaseException | None = None
        """Why the last group could not be written, None if it was."""

    def _open(self) -> WriteSession:
        return self._open_session()

    def _work(self, opened: WriteSession) -> None:
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
            if time.monotonic() >= self._apart_until:
                group += self.line.more(MOST_TOGETHER, MOST_BYTES)
            self.line.answer(self._perform(opened, group))

    def _perform(self, session: WriteSession, group: Sequence[QueuedWork]) -> list[Answer]:
        given_up: list[Answer] = [(call, None, None) for call in group if call.is_given_up]
        answers = list(given_up)
        group = [call for call in group if not call.is_given_up]
        if not group:
            return answers
        going_on: list[QueuedWork] = []
        call = group[0]
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
            return given_up + self._faults(fault, group, call)
        self.failing = None
        self._published(session)
        self._going_on = going_on
        return answers

    def _one(self, session: WriteSession, call: QueuedWork) -> tuple[Any, BaseException | None]:
        session.begin_operation()
        before = session.catalog.changes
        try:
            return call.work(session), None
        except FileFault as fault:
            # What it made or dropped is only taken back with the group.
            whole = session.catalog.changes == before and session.connection.in_transaction
            if not whole or concerns_all(fault):
                raise
            session.undo()
            return None, self._error(fault)
        except Exception as fault:  # noqa: BLE001 - raised again in its caller
            session.undo()
            return None, fault

    def _faults(
        self, fault: Exception, group: Sequence[QueuedWork], last: QueuedWork
    ) -> list[Answer]:
        """Return what the callers of a group get, whose operation `last` came upon `fault`."""
        if not isinstance(fault, FileFault) or concerns_all(fault):
            return [(call, None, self._error(fault)) for call in group]
        # The next try of each is in a group of its own, where it fails nobody else.
        self._apart_until = time.monotonic() + _APART
        error = self._error(fault)
        return [(call, None, error if call is last else taken_back(self._path)) for call in group]

    def _fail(self, session: WriteSession, fault: Exception) -> None:
        if self.failing is None:
            log.error("a group of writes failed", path=str(self._path), exc_info=fault)
        self.failing = fault
        try:
            session.roll_back()
        except sqlite3.Error as second:
            log.exception("a failed group could not be taken back", reason=str(second))
