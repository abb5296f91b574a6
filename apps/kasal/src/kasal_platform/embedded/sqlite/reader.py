"""The thread that reads from a file: long queries take turns with short ones."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from types import GeneratorType
from typing import Any, Protocol

from pymongo.errors import OperationFailure, PyMongoError

from common.logs import get_logger
from kasal_platform.embedded.sqlite.calls import Answer, QueuedWork, WorkLine
from kasal_platform.embedded.sqlite.errors import pymongo_error
from kasal_platform.embedded.sqlite.reading import View

log = get_logger(__name__)

_MOST_TOGETHER = 64
_PLAN_KILLED = 175
"""MongoDB's QueryPlanKilled: an index or a collection was dropped under a query."""

_Turn = tuple[QueuedWork, "GeneratorType[Any, Any, Any] | None"]


class Source(Protocol):
    """Where a reader gets its views from."""

    connection: sqlite3.Connection

    def view(self) -> View: ...


class Reader:
    """Answers queries. A call's work takes a `View` and returns the answer, or a generator of its slices."""

    def __init__(self, open_source: Callable[[], Source], path: object) -> None:
        self.line = WorkLine()
        self._open_source = open_source
        self._path = path
        self._thread = threading.Thread(target=self._run, name=f"reader of {path}", daemon=True)
        self._opened = threading.Event()
        self._fault: BaseException | None = None

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
            source = self._open_source()
        except BaseException as fault:  # noqa: BLE001 - raised again in the thread that starts it
            self._fault = fault
            return
        finally:
            self._opened.set()
        try:
            self._work(source)
        except Exception:
            log.exception("a thread of a database has ended", path=str(self._path))
        finally:
            self.line.fail_rest()
            source.connection.close()

    def _work(self, source: Source) -> None:
        turns: deque[_Turn] = deque()
        while True:
            if not turns:
                call = self.line.next()
                if call is None:
                    return
                turns.append((call, None))
            turns.extend((call, None) for call in self.line.more(_MOST_TOGETHER, 1 << 40))
            answers: list[Answer] = []
            for _ in range(len(turns)):
                call, slices = turns.popleft()
                if call.is_given_up:
                    answers.append((call, None, None))
                    continue
                answer, going_on = self._turn(source, call, slices)
                if going_on is not None:
                    turns.append((call, going_on))
                else:
                    answers.append(answer)
            self.line.answer(answers)

    def _turn(
        self, source: Source, call: QueuedWork, slices: "GeneratorType[Any, Any, Any] | None"
    ) -> tuple[Answer, "GeneratorType[Any, Any, Any] | None"]:
        try:
            if slices is None:
                answer = call.work(source.view())
                if not isinstance(answer, GeneratorType):
                    return (call, answer, None), None
                slices = answer
            next(slices)
        except StopIteration as end:
            return (call, end.value, None), None
        except sqlite3.Error as fault:
            return (call, None, _read_error(fault, self._path)), None
        except Exception as fault:  # noqa: BLE001 - raised again in its caller
            return (call, None, fault), None
        return (call, None, None), slices


def _read_error(fault: sqlite3.Error, path: object) -> PyMongoError:
    if "no such table" in str(fault):
        return OperationFailure("An index or a collection was dropped meanwhile.", _PLAN_KILLED)
    return pymongo_error(fault, path)
